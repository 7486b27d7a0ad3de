"""The original's bugs that need no worker to show: none of them is here.

Those that need one are in ``tests/e2e/test_original_behaviours.py``; each test's docstring says
what the original did.
"""

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from qiskit.providers import JobStatus

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.errors import (
    AmbiguousNameError,
    CircuitNotFoundError,
    ConfigurationError,
    InvalidExperimentsError,
    JobSetTimeoutError,
    StoreUnavailableError,
)
from jobset_protocol.messages import ChunkKey, ChunkRecord, ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import (
    ALIAS,
    FakeWorker,
    ListSender,
    backend,
    circuits,
    counts_of,
)


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(
        circuits(6), ALIAS, name="flips", max_experiments_per_job=2, job_tags=["a", "b"]
    )


@pytest.fixture
def worker(store: MemoryStore, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


def away(*args: Any, **kwargs: Any) -> Any:
    raise StoreUnavailableError("away")


@pytest.mark.parametrize("size", [0, -1, np.int64(-1), 1.5, True, "2"])
def test_sizes_below_one_are_refused(
    manager: JobManager, store: MemoryStore, sender: ListSender, size: int
) -> None:
    """-1 made no job and ``success=True``; 0 a raw ``ValueError``."""
    with pytest.raises(ConfigurationError, match="max_experiments_per_job"):
        manager.run(circuits(2), ALIAS, max_experiments_per_job=size)
    assert sender.sent == []
    assert store.find_sets() == []


@pytest.mark.parametrize("nothing", [[], (), iter([])])
def test_an_empty_list_is_refused(
    manager: JobManager, store: MemoryStore, nothing: Iterable[Any]
) -> None:
    """It was a success, and ``combine_results`` an ``IndexError``."""
    with pytest.raises(InvalidExperimentsError, match="nothing to run"):
        manager.run(nothing, ALIAS)
    assert store.find_sets() == []


def test_lookups_by_name_do_not_search(
    manager: JobManager, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 look-ups over 100 jobs made 10,100 calls."""
    set_id = manager.run(circuits(100), ALIAS, max_experiments_per_job=1).job_set_id()
    job_set = ManagedJobSet.over(store, store.set_record(set_id))
    calls: list[str] = []
    for name in ("names", "set_record", "statuses", "chunks"):
        read = getattr(store, name)

        def counted(*args: Any, read: Any = read, name: str = name) -> Any:
            calls.append(name)
            return read(*args)

        monkeypatch.setattr(store, name, counted)
    for index in (*range(100), *range(100)):
        assert job_set.locate(f"c{index}") == (index, 0)
    assert calls == ["names"]


def test_a_name_of_several_circuits_is_no_answer(manager: JobManager) -> None:
    """The first of them was, silently."""
    job_set = manager.run([*circuits(2), *circuits(2)], ALIAS, max_experiments_per_job=1)
    with pytest.raises(AmbiguousNameError, match=r"2 circuits are named 'c1': .*1, 3"):
        job_set.job("c1")
    with pytest.raises(AmbiguousNameError):
        job_set.job(circuits(2)[1])
    assert job_set.job(3)[0] is job_set.jobs()[3]


@pytest.mark.parametrize("index", [5, -1, np.int64(5), np.int8(-1), np.uint16(5)])
def test_indices_of_any_integer_type(job_set: ManagedJobSet, index: int) -> None:
    """``np.int64`` was not found, nor was -1."""
    assert job_set.job(index) == (job_set.jobs()[2], 1)


def test_indices_out_of_range(job_set: ManagedJobSet) -> None:
    for index in (6, -7, np.int64(6)):
        with pytest.raises(CircuitNotFoundError):
            job_set.job(index)


def test_tail_jobs_that_are_lost_are_not_a_success(manager: JobManager, store: MemoryStore) -> None:
    """A set whose client died after 3 of 5 jobs was retrieved as a success of 3 jobs."""
    made = circuits(10)
    record = SetRecord(f"{1:032x}", "cut off", ALIAS, "ada", circuit_count=10, chunk_size=2)
    store.create_set(record, encode_document([circuit.name for circuit in made]))
    version = backend().qpy_version
    sent = [encode_circuits(made[at : at + 2], qpy_version=version) for at in (0, 2, 4)]
    store.add_chunks(record.set_id, 0, sent)
    job_set = manager.retrieve_job_set(record.set_id)
    worker = FakeWorker(store, job_set)
    for index in range(3):
        worker.run(index)
    assert len(job_set.jobs()) == 5
    with pytest.raises(JobSetTimeoutError, match="3 of 5 chunks"):
        job_set.results(timeout=0)
    store.fail_unsent(record.set_id, ErrorRecord("ClientLost", "it ended"), idle_seconds=0)
    results = job_set.results(timeout=5)
    assert not results.success
    assert results.get_counts(5) == counts_of(5)
    assert job_set.statuses().count(JobStatus.ERROR) == 2
    assert "it ended" in (job_set.error_messages() or "")


def test_a_set_is_open_and_unfinished_until_all_was_sent(
    manager: JobManager, store: MemoryStore
) -> None:
    """The same for a set that grows: nobody takes what is there for all."""
    record = SetRecord(f"{2:032x}", "growing", ALIAS, "ada", 0, 2, sealed=False)
    store.create_set(record, b"")
    payload = encode_circuits(circuits(2), qpy_version=backend().qpy_version)
    store.grow_set(record.set_id, 0, [payload], sizes=[2], names=encode_document(["c0", "c1"]))
    job_set = manager.retrieve_job_set(record.set_id)
    FakeWorker(store, job_set).run(0)
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=0)
    store.fail_unsent(record.set_id, ErrorRecord("ClientLost", "it ended"), idle_seconds=0)
    results = job_set.results(timeout=5)
    assert not results.success
    assert results.get_counts("c1") == counts_of(1)


def test_a_rename_that_failed_harms_nothing(
    manager: JobManager,
    store: MemoryStore,
    job_set: ManagedJobSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The order was parsed out of job names: one that kept its name made the set unretrievable."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "rename_set", away)
        with pytest.raises(StoreUnavailableError):
            job_set.update_name("second")
    again = JobManager.over(store, ListSender(), owner="bob").retrieve_job_set(job_set.job_set_id())
    assert again.name() == job_set.name() == "flips"
    assert again.circuit_names() == [f"c{index}" for index in range(6)]
    assert job_set.update_name("second") == "second"


@pytest.mark.parametrize("name", ["two\nlines", "a_3_", "7", "x_1_\u2028"])
def test_no_name_harms_the_order(manager: JobManager, store: MemoryStore, name: str) -> None:
    """A newline in a name made the set unretrievable; here it is refused, and all else is kept."""
    if not name.isprintable():
        with pytest.raises(ConfigurationError, match="line breaks"):
            manager.run(circuits(4), ALIAS, name=name)
        return
    job_set = manager.run(circuits(4), ALIAS, name=name, max_experiments_per_job=1)
    again = JobManager.over(store, ListSender(), owner="bob").retrieve_job_set(job_set.job_set_id())
    assert again.name() == name
    assert [job and job.name() for job in again.jobs()] == [f"{name}_{i}_" for i in range(4)]


def test_tags_survive_an_error_of_the_service(
    store: MemoryStore, job_set: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``list.remove`` raised ``ValueError``, and so did a set without jobs."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "retag_set", away)
        with pytest.raises(StoreUnavailableError):
            job_set.update_tags(removal_tags=["a"])
    assert job_set.tags() == ["a", "b"]
    assert job_set.update_tags(removal_tags=["a"]) == ["b"]
    assert job_set.update_tags(removal_tags=["a"]) == ["b"]
    assert job_set.update_tags(replacement_tags=[]) == []


def test_a_refresh_that_fails_forgets_nothing(
    manager: JobManager,
    store: MemoryStore,
    job_set: ManagedJobSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The manager forgot the set."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "set_record", away)
        with pytest.raises(StoreUnavailableError):
            manager.retrieve_job_set(job_set.job_set_id(), provider=None, refresh=True)
        with pytest.raises(StoreUnavailableError):
            job_set.retrieve_jobs(manager, refresh=True)
    assert job_set.job_set_id() in manager.report()
    assert manager.retrieve_job_set(job_set.job_set_id()) is job_set
    assert len(job_set.jobs()) == 3


def test_a_failure_without_a_message_can_be_reported(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    """``report()`` raised ``AttributeError``."""
    claim, _ = worker.claim(0)
    worker.finish(claim, ChunkStatus.FAILED)
    assert "no reason was recorded" in job_set.report()
    assert "no reason was recorded" in (job_set.error_messages(timeout=0) or "")


def test_what_failed_is_read_once(
    store: MemoryStore,
    worker: FakeWorker,
    job_set: ManagedJobSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``error_messages()`` never filled its cache."""
    worker.run(0)
    worker.fail(1)
    worker.run(2)
    reads: list[ChunkKey] = []
    chunks = store.chunks

    def recorded(wanted: Iterable[ChunkKey]) -> list[ChunkRecord]:
        keys = list(wanted)
        reads.extend(keys)
        return chunks(keys)

    monkeypatch.setattr(store, "chunks", recorded)
    messages = job_set.error_messages()
    assert messages is not None
    assert len(reads) == 3
    assert job_set.error_messages() == messages
    assert len(reads) == 3


def test_refreshing_drops_results(
    manager: JobManager, worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    """``retrieve_jobs(refresh=True)`` kept stale ones."""
    worker.run(0)
    worker.fail(1)
    worker.run(2)
    assert not job_set.results().success
    other = JobManager.over(worker.store, ListSender(), owner="bob")
    other.retrieve_job_set(job_set.job_set_id()).retry()
    worker.run(1)
    job_set.retrieve_jobs(manager, refresh=True)
    results = job_set.results(timeout=5)
    assert results.success
    assert results.get_counts(3) == counts_of(3)


def test_the_combined_result_is_the_sets_and_the_callers(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    """It had job 0's id and date, and was the cached object, which callers could change."""
    worker.run_all()
    results = job_set.results()
    combined = results.combine_results()
    assert combined.job_id == job_set.job_set_id()
    combined.results[0].data.counts = {}
    combined.results.pop()
    again = results.combine_results()
    assert again is not combined
    assert len(again.results) == 6
    assert again.get_counts(0) == results.get_counts(0) == counts_of(0)


def test_no_thread_is_left(store: MemoryStore, manager: JobManager) -> None:
    """Its thread pool was never shut down."""
    before = set(threading.enumerate())
    job_set = manager.run(circuits(20), ALIAS, max_experiments_per_job=1)
    FakeWorker(store, job_set).run_all()
    job_set.results()
    assert set(threading.enumerate()) == before
