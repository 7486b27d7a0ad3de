import threading

import numpy as np
import pytest
from qiskit.providers import JobStatus, JobV1

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import (
    CircuitNotFoundError,
    InvalidStateError,
    JobSetTimeoutError,
    ProviderError,
    ResultNotAvailableError,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from tests.unit.client.support import ALIAS, FakeWorker, circuits, counts_of


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(
        circuits(7), ALIAS, name="flips", max_experiments_per_job=3, job_tags=["calibration"]
    )


@pytest.fixture
def worker(store: Store, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


def test_statuses_follow_the_chunks(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.submit(1, "job-1")
    assert job_set.statuses() == [JobStatus.DONE, JobStatus.QUEUED, JobStatus.QUEUED]
    assert job_set.chunk_statuses() == [
        ChunkStatus.DONE,
        ChunkStatus.SUBMITTED,
        ChunkStatus.QUEUED,
    ]
    assert job_set.counts() == {
        ChunkStatus.DONE: 1,
        ChunkStatus.SUBMITTED: 1,
        ChunkStatus.QUEUED: 1,
    }


def test_a_job_has_the_providers_id_once_there_is_one(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    first, second, _ = job_set.jobs()
    assert first is not None
    assert second is not None
    assert isinstance(first, JobV1)
    assert first.job_id() == f"{job_set.job_set_id()}-0"
    worker.submit(0, "job-1")
    assert first.job_id() == "job-1"
    assert second.job_id() == f"{job_set.job_set_id()}-1"


def test_a_job_speaks_as_qiskits(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.fail(1, "boom")
    done, failed, waiting = job_set.jobs()
    assert done is not None
    assert failed is not None
    assert waiting is not None
    assert done.done()
    assert done.in_final_state()
    assert done.result().get_counts(2) == counts_of(2)
    assert done.error_message() is None
    assert (done.name(), done.tags()) == ("flips_0_", ["calibration"])
    assert failed.status() is JobStatus.ERROR
    assert failed.error_message() == "boom"
    with pytest.raises(ResultNotAvailableError, match="chunk 1 ended as failed: boom"):
        failed.result()
    assert waiting.queue_position() is None
    with pytest.raises(JobSetTimeoutError, match="chunk 2"):
        waiting.result(timeout=0)


def test_a_jobs_result_belongs_to_the_caller(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run_all()
    job, _ = job_set.job(0)
    assert job is not None
    job.result().results.clear()
    assert job.result().get_counts(0) == counts_of(0)
    assert job_set.results().get_counts(0) == counts_of(0)


def test_a_job_waits_for_its_own_chunk_only(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    job, offset = job_set.job(6)
    assert job is not None
    timer = threading.Timer(0.05, worker.run, [2])
    timer.start()
    assert job.result(timeout=10).get_counts(offset) == counts_of(6)
    timer.join()
    assert job_set.chunk_statuses()[0] is ChunkStatus.QUEUED


@pytest.mark.parametrize("refused", ["cancel", "submit"])
def test_a_job_refuses_what_only_a_set_can(job_set: ManagedJobSet, refused: str) -> None:
    job, _ = job_set.job(0)
    with pytest.raises(InvalidStateError):
        getattr(job, refused)()
    with pytest.raises(InvalidStateError, match="whole set"):
        job_set.managed_jobs()[0].cancel()


def test_a_submit_that_failed_has_no_job(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.fail(1, "refused", where="submit")
    worker.run(2)
    good, bad, _ = job_set.managed_jobs()
    assert [job is None for job in job_set.jobs()] == [False, True, False]
    assert job_set.job("c4") == (None, 1)
    assert bad.job is None
    assert isinstance(bad.submit_error, ProviderError)
    assert str(bad.submit_error) == "refused"
    assert bad.status() is JobStatus.ERROR
    assert bad.result() is None
    assert bad.error_message() == "refused"
    assert good.submit_error is None
    assert not job_set.results().success
    assert job_set.statuses()[1] is JobStatus.ERROR


def test_managed_jobs_know_their_circuits(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    managed = job_set.managed_jobs()
    assert [(job.start_index, job.end_index) for job in managed] == [(0, 2), (3, 5), (6, 6)]
    assert managed[0].chunk_status is ChunkStatus.DONE
    assert managed[0].record.key == worker.key(0)
    result = managed[0].result()
    assert result is not None
    assert result.get_counts(1) == counts_of(1)
    assert managed[0].error_message() is None


@pytest.mark.parametrize(
    ("experiment", "index", "offset"), [(0, 0, 0), (4, 1, 1), (-1, 2, 0), ("c5", 1, 2)]
)
def test_finds_the_job_of_a_circuit(
    job_set: ManagedJobSet, experiment: int | str, index: int, offset: int
) -> None:
    job, found_offset = job_set.job(experiment)
    assert job is job_set.jobs()[index]
    assert found_offset == offset


def test_job_refuses_what_is_not_there(job_set: ManagedJobSet) -> None:
    for experiment in (7, np.int64(-8), "nobody"):
        with pytest.raises(CircuitNotFoundError):
            job_set.job(experiment)


def test_many_lookups_by_name_read_the_names_once(
    manager: JobManager, store: Store, job_set: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = store.names

    def recording_read(set_id: str) -> list[bytes]:
        reads.append(set_id)
        return read(set_id)

    monkeypatch.setattr(store, "names", recording_read)
    retrieved = ManagedJobSet.over(store, store.set_record(job_set.job_set_id()))
    for number in range(7):
        assert retrieved.locate(f"c{number}") == (number // 3, number % 3)
    assert len(reads) == 1


def test_cancel_stops_what_waits(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.fail(1, "refused", where="submit")
    job_set.cancel()
    job_set.cancel()
    assert job_set.statuses() == [JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED]
    cancelled = job_set.jobs()[2]
    assert cancelled is not None
    assert cancelled.cancelled()


def test_equal_sets_are_equal(manager: JobManager, store: Store, job_set: ManagedJobSet) -> None:
    again = ManagedJobSet.over(store, store.set_record(job_set.job_set_id()))
    assert again == job_set
    assert hash(again) == hash(job_set)
    assert job_set != manager.run(circuits(1), ALIAS)
    assert job_set != "flips"


def test_shows_what_it_is(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run_all()
    assert "'flips': 7 circuits in 3 chunks on 'sim'" in repr(job_set)
    assert "circuits 3-5" in repr(job_set.managed_jobs()[1])
    assert "ChunkJob 1" in repr(job_set.jobs()[1])
    assert "3 of 3 chunks" in repr(job_set.results())
