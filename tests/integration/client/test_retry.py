"""What failed is tried again, and only that."""

import logging

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import (
    ConfigurationError,
    FailureKind,
    JobSetTimeoutError,
    ResultNotAvailableError,
)
from jobset_protocol.messages import Claim, ErrorRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, circuits, counts_of

DONE, FAILED, QUEUED, CANCELLED = (
    ChunkStatus.DONE,
    ChunkStatus.FAILED,
    ChunkStatus.QUEUED,
    ChunkStatus.CANCELLED,
)


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(circuits(10), ALIAS, name="flips", max_experiments_per_job=2)


@pytest.fixture
def worker(store: MemoryStore, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


def fail(worker: FakeWorker, index: int, kind: FailureKind) -> None:
    claim, _ = worker.claim(index)
    error = ErrorRecord("ProviderError", f"{kind} trouble", kind, "run")
    worker.finish(claim, FAILED, error=error)


def end(worker: FakeWorker) -> None:
    """Lead chunks to done, fatal, transient, cancelled and done."""
    worker.run(0)
    fail(worker, 1, FailureKind.FATAL)
    fail(worker, 2, FailureKind.TRANSIENT)
    worker.run(4)
    worker.set.cancel()


def test_only_what_failed_is_tried_again(
    worker: FakeWorker, job_set: ManagedJobSet, sender: ListSender
) -> None:
    end(worker)
    early = job_set.results(timeout=5)
    sender.sent.clear()
    again = job_set.retry()
    assert [job.record.key.index for job in again] == [1, 2]
    assert sender.sent == [worker.key(1), worker.key(2)]
    assert job_set.chunk_statuses() == [DONE, QUEUED, QUEUED, CANCELLED, DONE]
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=0)
    worker.run(1)
    worker.run(2)
    job_set.wait(timeout=5)
    late = job_set.results(timeout=5)
    assert [late.get_counts(index) for index in (0, 2, 5, 9)] == [
        counts_of(index) for index in (0, 2, 5, 9)
    ]
    with pytest.raises(ResultNotAvailableError, match="cancelled"):
        late.get_counts(6)
    assert early.get_counts(0) == counts_of(0)


def test_attempts_that_ended_are_remembered(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    end(worker)
    [first, second] = job_set.retry()
    assert [(past.attempt, past.status) for past in first.history] == [(1, FAILED)]
    [past] = second.history
    assert past.error is not None
    assert past.error.message == "transient trouble"
    assert first.record.attempt == 2
    assert job_set.managed_jobs()[0].history == ()
    fail(worker, 1, FailureKind.FATAL)
    job_set.retry(kinds=["fatal"])
    assert [past.attempt for past in first.history] == [1, 2]


def test_objects_in_hand_follow(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    end(worker)
    managed_job, job = job_set.managed_jobs()[1], job_set.jobs()[1]
    assert job is not None
    assert job.error_message() == "fatal trouble"
    assert managed_job in job_set.retry()
    assert managed_job.chunk_status is QUEUED
    assert job.error_message() is None
    worker.run(1)
    assert job.result(timeout=5).get_counts(0) == counts_of(2)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["transient"], [2]),
        ([FailureKind.FATAL], [1]),
        ({"fatal", FailureKind.TRANSIENT}, [1, 2]),
        (["rejected"], []),
        ([], []),
    ],
)
def test_kinds_of_failures(
    worker: FakeWorker, job_set: ManagedJobSet, kinds: list[str], expected: list[int]
) -> None:
    end(worker)
    again = job_set.retry(kinds=kinds)
    assert [job.record.key.index for job in again] == expected


def test_what_was_cancelled_is_tried_again_when_asked(
    worker: FakeWorker, job_set: ManagedJobSet, sender: ListSender
) -> None:
    end(worker)
    sender.sent.clear()
    again = job_set.retry(kinds=["transient"], include_cancelled=True)
    assert [job.record.key.index for job in again] == [2, 3]
    assert sender.sent == [worker.key(2), worker.key(3)]
    assert not job_set.record.cancelled
    worker.run(2)
    worker.run(3)
    assert job_set.results(timeout=5).get_counts(6) == counts_of(6)


def test_a_set_without_failures_has_nothing_to_retry(
    worker: FakeWorker, job_set: ManagedJobSet, sender: ListSender
) -> None:
    worker.run_all()
    sender.sent.clear()
    assert job_set.retry(include_cancelled=True) == []
    assert sender.sent == []
    assert job_set.results(timeout=0).success


@pytest.mark.parametrize("kinds", ["fatal", ["nonsense"], 7])
def test_kinds_that_do_not_exist(job_set: ManagedJobSet, kinds: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="transient, limit, rejected"):
        job_set.retry(kinds=kinds)


def test_a_broker_that_is_away_does_not_undo_the_retry(
    worker: FakeWorker,
    job_set: ManagedJobSet,
    sender: ListSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    end(worker)
    sender.fails_after = 0
    with caplog.at_level(logging.WARNING):
        again = job_set.retry()
    assert len(again) == 2
    assert "the watcher will send" in caplog.text
    assert job_set.chunk_statuses()[1] is QUEUED


def test_halves_of_a_refused_chunk_are_tried_again(
    store: MemoryStore, worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    claim, _ = worker.claim(1)
    error = ErrorRecord("ProviderError", "refused", FailureKind.REJECTED, "submit")
    job_set.forget()
    halves = store.split(claim, job_set.record, backend=ALIAS, error=error)
    job_set.forget()
    assert [key.index for key in halves] == [5, 6]
    bad = store.claim(
        halves[0], backend=ALIAS, owner="w1", lease_seconds=30, source=1, into=ChunkStatus.RUNNING
    )
    assert bad is not None
    worker.finish(bad[0], FAILED, error=error)
    [again] = job_set.retry()
    assert (again.record.key, again.start_index, again.end_index) == (halves[0], 2, 2)
    assert [circuit.name for circuit in again.circuits()] == ["c2"]


def test_reports_follow_what_another_process_tried_again(
    manager: JobManager, worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    """Totals and details come from two reads: they must not contradict each other."""
    end(worker)
    job_set.results(timeout=5)
    assert "Failed jobs: 2" in job_set.report()
    other = JobManager.over(worker.store, ListSender(), owner="bob")
    other.retrieve_job_set(job_set.job_set_id()).retry(include_cancelled=True)
    for index in (1, 2, 3):
        worker.run(index)
    report = job_set.report()
    assert "Successful jobs: 5" in report
    assert "trouble" not in report
    assert job_set.error_messages() is None
    assert None not in job_set.jobs()
    assert job_set.results(timeout=5).success


def test_a_second_failure_elsewhere_is_told(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    end(worker)
    assert "fatal trouble" in (job_set.error_messages() or "")
    other = JobManager.over(worker.store, ListSender(), owner="bob")
    other.retrieve_job_set(job_set.job_set_id()).retry(kinds=["fatal"])
    fail(worker, 1, FailureKind.REJECTED)
    messages = job_set.error_messages() or ""
    assert "rejected trouble" in messages
    assert "fatal trouble" not in messages


def test_a_chunk_that_is_halved_while_the_set_is_read_is_not_missing(
    store: MemoryStore, job_set: ManagedJobSet, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a set of which one chunk was halved since it was read, and another one runs
    for index in range(3):
        worker.run(index)
    halve(store, worker.claim(3)[0])
    claim, _ = worker.claim(4)
    read = store.statuses

    def halved_after_the_read(set_id: str) -> list[ChunkStatus]:
        found = read(set_id)
        monkeypatch.setattr(store, "statuses", read)
        halve(store, claim)
        return found

    # When that one is halved after its status was read, and before the description is
    monkeypatch.setattr(store, "statuses", halved_after_the_read)
    # Then its halves are there, and the set does not pass for one that has ended
    assert job_set.chunk_statuses() == [DONE] * 3 + [QUEUED] * 4
    assert sorted(job_set.layout.indices) == [0, 1, 2, 5, 6, 7, 8]


def halve(store: MemoryStore, claim: Claim) -> None:
    error = ErrorRecord("ProviderError", "no such gate", FailureKind.REJECTED, "run")
    store.split(claim, store.set_record(claim.key.set_id), backend=ALIAS, error=error)
