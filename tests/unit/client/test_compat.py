"""Code that was written for the original runs, with another import."""

import inspect
from typing import Any

import pytest
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.result import Result

from jobset_client import JobManager, ManagedJob, ManagedJobSet, ManagedResults, compat
from jobset_client.compat import (
    IBMQJobManager,
    IBMQJobManagerError,
    IBMQJobManagerInvalidStateError,
    IBMQJobManagerJobNotFound,
    IBMQJobManagerTimeoutError,
    IBMQJobManagerUnknownJobSet,
    IBMQManagedResultDataNotAvailable,
)
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


@pytest.fixture(autouse=True)
def default_manager(
    store: MemoryStore, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let ``IBMQJobManager()`` be one over this test's store."""

    def attach(self: JobManager) -> None:
        self._open(store, sender, "ada")

    monkeypatch.setattr(JobManager, "__init__", attach)


class NamedBackend(BasicSimulator):
    """A backend object that is named like an alias."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def test_a_script_for_the_original(store: MemoryStore) -> None:
    device, provider = NamedBackend(ALIAS), object()
    announce(store, backend(max_circuits=3))
    job_manager = IBMQJobManager()
    job_set = job_manager.run(
        circuits(7),
        backend=device,
        name="foo",
        max_experiments_per_job=900,
        job_share_level="project",
        job_tags=["calibration"],
        shots=10,
    )
    FakeWorker(store, job_set).run_all()
    results = job_set.results()
    assert results.get_counts("c5") == counts_of(5)
    assert results.combine_results().get_counts(6) == counts_of(6)
    assert [job.name() for job in job_set.jobs() if job] == ["foo_0_", "foo_1_", "foo_2_"]
    assert f"ID: {job_set.job_set_id()}" in job_manager.report()
    assert IBMQJobManager().job_sets(name="foo") == [job_set]
    again = IBMQJobManager().retrieve_job_set(
        job_set_id=job_set.job_set_id(), provider=provider, refresh=True
    )
    assert again.tags() == ["calibration"]


def test_old_handlers_catch_what_is_raised(store: MemoryStore) -> None:
    job_manager = IBMQJobManager()
    job_set = job_manager.run(circuits(2), backend=ALIAS, max_experiments_per_job=1)
    with pytest.raises(IBMQJobManagerTimeoutError):
        job_set.results(timeout=0)
    with pytest.raises(IBMQJobManagerJobNotFound):
        job_set.job("absent")
    with pytest.raises(IBMQJobManagerUnknownJobSet):
        job_manager.retrieve_job_set("0" * 32, provider=None)
    with pytest.raises(IBMQJobManagerInvalidStateError):
        job_set.update_tags()
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.fail(1)
    with pytest.raises(IBMQManagedResultDataNotAvailable):
        job_set.results().get_counts(1)
    with pytest.raises(IBMQManagedResultDataNotAvailable):
        job_set.results().combine_results()


@pytest.mark.parametrize("name", [name for name in compat.__all__ if name.startswith("IBMQ")])
def test_every_old_error_is_one(name: str) -> None:
    known = getattr(compat, name)
    assert known is IBMQJobManager or issubclass(known, IBMQJobManagerError)


ORIGINAL: list[tuple[type, str, list[str]]] = [
    (IBMQJobManager, "report", ["detailed=True"]),
    (IBMQJobManager, "job_sets", ["name=None"]),
    (IBMQJobManager, "retrieve_job_set", ["job_set_id", "provider", "refresh=False"]),
    (
        IBMQJobManager,
        "run",
        [
            "experiments",
            "backend",
            "name=None",
            "max_experiments_per_job=None",
            "job_share_level=None",
            "job_tags=None",
        ],
    ),
    (ManagedJobSet, "__init__", ["name=None", "short_id=None"]),
    (
        ManagedJobSet,
        "run",
        ["experiment_list", "backend", "executor", "job_share_level=None", "job_tags=None"],
    ),
    (ManagedJobSet, "retrieve_jobs", ["provider", "refresh=False"]),
    (ManagedJobSet, "statuses", []),
    (ManagedJobSet, "report", ["detailed=True"]),
    (ManagedJobSet, "results", ["timeout=None", "partial=False", "refresh=False"]),
    (ManagedJobSet, "error_messages", []),
    (ManagedJobSet, "cancel", []),
    (ManagedJobSet, "jobs", []),
    (ManagedJobSet, "job", ["experiment"]),
    (ManagedJobSet, "qobjs", []),
    (ManagedJobSet, "name", []),
    (ManagedJobSet, "update_name", ["name"]),
    (ManagedJobSet, "job_set_id", []),
    (ManagedJobSet, "managed_jobs", []),
    (ManagedJobSet, "tags", []),
    (
        ManagedJobSet,
        "update_tags",
        ["replacement_tags=None", "additional_tags=None", "removal_tags=None"],
    ),
    (ManagedJob, "status", []),
    (ManagedJob, "result", []),
    (ManagedJob, "error_message", []),
    (ManagedJob, "cancel", []),
    (ManagedJob, "qobj", []),
    (ManagedResults, "__init__", ["job_set", "backend_name", "success"]),
    (ManagedResults, "combine_results", []),
]


def positional(method: Any) -> list[inspect.Parameter]:
    """Return what may be given by position, without ``self``."""
    parameters = list(inspect.signature(method).parameters.values())
    return [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD][1:]


@pytest.mark.parametrize(
    ("owner", "name", "expected"), ORIGINAL, ids=[f"{o.__name__}.{n}" for o, n, _ in ORIGINAL]
)
def test_signatures_are_the_originals(owner: type, name: str, expected: list[str]) -> None:
    """The first arguments have the original's names, order and defaults; others may follow."""
    found = positional(getattr(owner, name))
    assert len(found) >= len(expected)
    for each, original in zip(found, expected, strict=False):
        argument, _, default = original.partition("=")
        assert each.name == argument
        if default:
            assert repr(each.default) == default
    assert all(each.default is not each.empty for each in found[len(expected) :])


def public(owner: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(owner, callable) if not name.startswith("_")}


def test_managed_results_mirror_qiskits_result() -> None:
    beyond = {"combine_results", "to_rows", "to_pandas", "to_parquet"}
    assert public(ManagedResults) - beyond == public(Result) - {"to_dict", "from_dict"}


@pytest.mark.parametrize("name", sorted(public(Result) - {"to_dict", "from_dict"}))
def test_each_method_has_the_signature_of_qiskits(name: str) -> None:
    ours, theirs = (
        [(each.name, each.kind, each.default) for each in signature.parameters.values()]
        for signature in map(
            inspect.signature, (getattr(ManagedResults, name), getattr(Result, name))
        )
    )
    assert ours == theirs
