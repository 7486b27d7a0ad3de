"""Sets that a user makes by their constructor, as the original allowed."""

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import (
    BackendNotFoundError,
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
    InvalidStateError,
    JobSetNotFoundError,
)
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import (
    ALIAS,
    FakeWorker,
    ListSender,
    announce,
    backend,
    circuits,
    counts_of,
)

SET_ID = "5f" * 16


@pytest.fixture
def default_manager(
    store: MemoryStore, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let ``JobManager()`` be one over this test's store."""

    def attach(self: JobManager) -> None:
        self._open(store, sender, "ada")

    monkeypatch.setattr(JobManager, "__init__", attach)


def lists(*sizes: int) -> list[Any]:
    made = circuits(sum(sizes))
    return [[made.pop(0) for _ in range(size)] for size in sizes]


def test_each_list_is_one_job(manager: JobManager, store: MemoryStore, sender: ListSender) -> None:
    job_set = ManagedJobSet(name="given", short_id=SET_ID)
    assert (job_set.name(), job_set.job_set_id()) == ("given", SET_ID)
    job_set.run(lists(2, 1, 3), ALIAS, manager, job_tags=["t"], shots=10)
    assert [(job.start_index, job.end_index) for job in job_set.managed_jobs()] == [
        (0, 1),
        (2, 2),
        (3, 5),
    ]
    assert sender.sent == [ChunkKey(SET_ID, index) for index in range(3)]
    assert (job_set.name(), job_set.tags()) == ("given", ["t"])
    FakeWorker(store, job_set).run_all()
    results = job_set.results(timeout=5)
    assert [results.get_counts(f"c{index}") for index in range(6)] == [
        counts_of(index) for index in range(6)
    ]
    assert manager.retrieve_job_set(SET_ID) == job_set
    assert SET_ID in manager.report()


@pytest.mark.usefixtures("default_manager")
def test_an_executor_of_the_originals_kind_stands_for_the_default_manager(
    store: MemoryStore, sender: ListSender
) -> None:
    job_set = ManagedJobSet()
    with ThreadPoolExecutor(1) as executor:
        job_set.run(lists(1, 1), ALIAS, executor)
    assert len(sender.sent) == 2
    again = ManagedJobSet(short_id=job_set.job_set_id())
    again.retrieve_jobs(provider=object())
    assert again == job_set
    assert again.name() == job_set.name()
    assert again.circuit_names() == ["c0", "c1"]


@pytest.mark.usefixtures("default_manager")
def test_a_manager_that_was_made_for_a_set_ends_with_it(sender: ListSender) -> None:
    job_set = ManagedJobSet()
    job_set.run(lists(1), ALIAS, None)
    gc.collect()
    assert not sender.closed
    del job_set
    gc.collect()
    assert sender.closed


@pytest.mark.parametrize(
    "call",
    [
        lambda job_set: job_set.statuses(),
        lambda job_set: job_set.report(),
        lambda job_set: job_set.results(),
        lambda job_set: job_set.error_messages(),
        lambda job_set: job_set.cancel(),
        lambda job_set: job_set.jobs(),
        lambda job_set: job_set.job(0),
        lambda job_set: job_set.qobjs(),
        lambda job_set: job_set.circuits(),
        lambda job_set: job_set.update_name("x"),
        lambda job_set: job_set.update_tags(additional_tags=["x"]),
        lambda job_set: job_set.managed_jobs(),
        lambda job_set: job_set.tags(),
        lambda job_set: job_set.retry(),
        lambda job_set: job_set.resolve(give_up=True),
        lambda job_set: job_set.wait(),
    ],
)
def test_a_set_that_was_not_run_has_nothing(call: Callable[[ManagedJobSet], object]) -> None:
    job_set = ManagedJobSet(name="empty")
    assert "not run yet" in repr(job_set)
    with pytest.raises(InvalidStateError, match=r"run\(\)"):
        call(job_set)


def test_a_set_is_run_once(manager: JobManager, sender: ListSender) -> None:
    job_set = ManagedJobSet()
    job_set.run(lists(1), ALIAS, manager)
    with pytest.raises(InvalidStateError, match="already"):
        job_set.run(lists(1), ALIAS, manager)
    with pytest.raises(InvalidStateError, match="already"):
        manager.retrieve_job_set(job_set.job_set_id()).run(lists(1), ALIAS, manager)
    with pytest.raises(InvalidStateError, match=job_set.job_set_id()):
        ManagedJobSet(short_id=job_set.job_set_id()).run(lists(1), ALIAS, manager)
    assert len(sender.sent) == 1


def test_a_run_that_was_refused_can_be_made_good(manager: JobManager) -> None:
    job_set = ManagedJobSet()
    with pytest.raises(BackendNotFoundError):
        job_set.run(lists(1), "nowhere", manager)
    job_set.run(lists(1), ALIAS, manager)
    assert len(job_set.jobs()) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "empty"),
        ([[]], r"experiment_list\[0\]: .* empty"),
        ([circuits(1), [7]], r"experiment_list\[1\]: experiments\[0\] is a int"),
        (circuits(1)[0], "QuantumCircuit"),
        ("circuits", "str"),
        (None, "NoneType"),
        ([circuits(4)], r"experiment_list\[0\] holds 4 circuits, .* takes 3"),
    ],
)
def test_lists_that_are_none(
    manager: JobManager, store: MemoryStore, sender: ListSender, given: Any, message: str
) -> None:
    announce(store, backend(max_circuits=3))
    with pytest.raises(InvalidExperimentsError, match=message):
        ManagedJobSet().run(given, ALIAS, manager)
    assert sender.sent == []


def test_options_are_checked(manager: JobManager) -> None:
    with pytest.raises(InvalidOptionsError, match="shots"):
        ManagedJobSet().run(lists(1), ALIAS, manager, shots=0)
    with pytest.raises(InvalidOptionsError, match="assign_parameters"):
        ManagedJobSet().run(lists(1), ALIAS, manager, parameter_binds=[{}])
    with pytest.raises(ConfigurationError, match="job_tags"):
        ManagedJobSet().run(lists(1), ALIAS, manager, job_tags="one")


@pytest.mark.parametrize("short_id", ["", "abc", "5F" * 16, 7])
def test_a_short_id_that_is_none(short_id: str) -> None:
    with pytest.raises(ConfigurationError, match="32 hexadecimal digits"):
        ManagedJobSet(short_id=short_id)


def test_retrieving_what_is_not_there(manager: JobManager) -> None:
    job_set = ManagedJobSet()
    with pytest.raises(JobSetNotFoundError):
        job_set.retrieve_jobs(manager)
    with pytest.raises(InvalidStateError):
        job_set.jobs()


def test_retrieving_again_reads_again_when_asked(
    manager: JobManager, store: MemoryStore, sender: ListSender
) -> None:
    job_set = manager.run(circuits(2), ALIAS)
    other = JobManager.over(store, sender, owner="bob").retrieve_job_set(job_set.job_set_id())
    other.update_name("renamed")
    job_set.retrieve_jobs(manager)
    assert job_set.name() != "renamed"
    job_set.retrieve_jobs(manager, refresh=True)
    assert job_set.name() == "renamed"
