"""What the original's own tests assert, shown on real workers and a provider that really fails.

The numbers are those of the behaviours that a successor keeps.
"""

import pytest
from qiskit.providers import JobStatus

from jobset_client import JobManager, ManagedJobSet
from jobset_client.compat import (
    IBMQJobManagerJobNotFound,
    IBMQJobManagerTimeoutError,
    IBMQManagedResultDataNotAvailable,
)
from jobset_protocol.errors import StoreUnavailableError
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.e2e.conftest import Lab
from tests.support import wait_until


def counts_of(index: int, shots: int = 10) -> dict[str, int]:
    """Return what the fake provider measures of the circuit at an index."""
    return {format(index, "010b"): shots}


def spans(job_set: ManagedJobSet) -> list[tuple[int, int]]:
    return [(job.start_index, job.end_index) for job in job_set.managed_jobs()]


def job_ids(job_set: ManagedJobSet) -> list[str]:
    return [job.job_id() for job in job_set.jobs() if job is not None]


def test_1_circuits_are_split_by_the_backends_maximum(lab: Lab, manager: JobManager) -> None:
    made = small_circuits(10)
    by_backend = manager.run(made, "limited")
    whole = manager.run(made[:4], "limited")
    by_wish = manager.run(made, "limited", max_experiments_per_job=3)
    capped = manager.run(made, "limited", max_experiments_per_job=900)
    assert spans(by_backend) == spans(capped) == [(0, 3), (4, 7), (8, 9)]
    assert spans(whole) == [(0, 3)]
    assert spans(by_wish) == [(0, 2), (3, 5), (6, 8), (9, 9)]
    for job_set in (by_backend, whole, by_wish, capped):
        assert job_set.results(timeout=30).success
        assert lab.submissions_of(job_set.job_set_id()) == [1] * len(job_set.jobs())


def test_2_all_statuses_are_done_after_results(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All statuses are one read: where it fails, there is no list to put a ``None`` into."""
    job_set = manager.run(small_circuits(6), "remote", max_experiments_per_job=2)
    job_set.results(timeout=30)
    assert job_set.statuses() == [JobStatus.DONE] * 3

    def away(set_id: str) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(manager._store, "statuses", away)
    with pytest.raises(StoreUnavailableError):
        job_set.statuses()


def test_3_the_managers_report_has_every_jobs_id(manager: JobManager) -> None:
    job_sets = [
        manager.run(small_circuits(4), "remote", name=name, max_experiments_per_job=2)
        for name in ("one", "other")
    ]
    for job_set in job_sets:
        job_set.results(timeout=30)
    report = manager.report()
    assert "       Total jobs: 4" in report
    for job_set in job_sets:
        assert all(each in report and each.startswith("fake-") for each in job_ids(job_set))


@pytest.mark.parametrize("backend", ["aer", "remote"])
def test_4_qobjs_are_what_was_submitted(manager: JobManager, backend: str) -> None:
    made = small_circuits(5)
    job_set = manager.run(made, backend, max_experiments_per_job=2, shots=10, seed_simulator=3)
    job_set.results(timeout=30)
    for qobj, managed_job in zip(job_set.qobjs(), job_set.managed_jobs(), strict=True):
        assert qobj is not None
        assert qobj.experiments == made[managed_job.start_index : managed_job.end_index + 1]
        assert (qobj.config.shots, qobj.config.seed_simulator) == (10, 3)
    assert list(job_set.circuits()) == made


def test_5_error_messages_name_the_failed_jobs_only(lab: Lab, manager: JobManager) -> None:
    lab.service.behave(fail_circuits=["c2"])
    job_set = manager.run(small_circuits(6), "remote", max_experiments_per_job=2)
    messages = job_set.error_messages(timeout=30)
    good, bad, other = job_ids(job_set)
    assert messages is not None
    header, cause = messages.splitlines()
    assert header.startswith(f"Experiments 2-3, job index=1, job ID={bad}, ")
    assert "'c2' fails" in cause
    assert good not in messages
    assert other not in messages
    assert f"job ID={bad}, {job_set.chunk_records()[1].error.kind}:" in header  # type: ignore[union-attr]


def test_6_a_failed_submit_is_none_and_the_others_are_fine(lab: Lab, manager: JobManager) -> None:
    lab.service.behave(reject_circuits=["c1"])
    job_set = manager.run(small_circuits(3), "remote", max_experiments_per_job=1, shots=10)
    results = job_set.results(timeout=30)
    assert not results.success
    assert [job is None for job in job_set.jobs()] == [False, True, False]
    assert job_set.statuses() == [JobStatus.DONE, JobStatus.ERROR, JobStatus.DONE]
    assert [results.get_counts(index) for index in (0, 2)] == [counts_of(0), counts_of(2)]
    assert lab.submissions_of(job_set.job_set_id()) == [1, 1]


def test_7_sets_have_jobs_of_their_own(manager: JobManager) -> None:
    one, other = (
        manager.run(small_circuits(4), "remote", name=name, max_experiments_per_job=2)
        for name in ("seven", "eight")
    )
    for job_set in (one, other):
        job_set.results(timeout=30)
    assert not set(job_ids(one)) & set(job_ids(other))
    assert manager.job_sets(name="seven") == [one]


def test_8_a_retrieved_set_is_the_same(lab: Lab, manager: JobManager) -> None:
    made = small_circuits(5)
    job_set = manager.run(
        made, "remote", name="kept", max_experiments_per_job=2, job_tags=["b", "a"], shots=10
    )
    job_set.results(timeout=30)
    with JobManager(lab.cluster.url) as fresh:
        again = fresh.retrieve_job_set(job_set.job_set_id(), provider=None)
        assert again is not job_set
        assert (again.name(), again.tags()) == (job_set.name(), job_set.tags())
        assert job_ids(again) == job_ids(job_set)
        assert spans(again) == spans(job_set)
        assert again.circuit_names() == [circuit.name for circuit in made]
        assert [job and job.name() for job in again.jobs()] == ["kept_0_", "kept_1_", "kept_2_"]
        assert again.results(timeout=30).get_counts("c4") == counts_of(4)


def test_9_submission_waits_at_the_providers_limit(lab: Lab, manager: JobManager) -> None:
    lab.service.behave(max_pending=2, retry_after_seconds=0.2, run_seconds=0.1)
    job_set = manager.run(small_circuits(6), "remote", max_experiments_per_job=1, shots=10)
    with pytest.raises(IBMQJobManagerTimeoutError):
        job_set.results(timeout=0.05)
    assert job_set.results(timeout=60).success
    assert lab.submissions_of(job_set.job_set_id()) == [1] * 6
    [warning, *_] = [
        line
        for line in lab.worker_log().splitlines()
        if "takes no more jobs" in line and job_set.job_set_id() in line
    ]
    assert "WARNING" in warning


def test_10_changed_tags_lose_no_set(lab: Lab, manager: JobManager) -> None:
    job_set = manager.run(
        small_circuits(4), "remote", max_experiments_per_job=2, job_tags=["a", "b"], shots=10
    )
    assert job_set.update_tags(replacement_tags=["x", "y"]) == ["x", "y"]
    assert job_set.update_tags(removal_tags=["x"]) == ["y"]
    with JobManager(lab.cluster.url) as fresh:
        again = fresh.retrieve_job_set(job_set.job_set_id())
        assert again.tags() == ["y"]
        assert again.results(timeout=30).get_counts(3) == counts_of(3)
        assert all(job and job.tags() == ["y"] for job in again.jobs())


def test_11_lookups_agree_with_the_jobs(manager: JobManager) -> None:
    job_set = manager.run(small_circuits(7), "remote", max_experiments_per_job=3, shots=10)
    results = job_set.results(timeout=30)
    for index in range(7):
        by_index, by_name = job_set.job(index), job_set.job(f"c{index}")
        assert by_index == by_name == (job_set.jobs()[index // 3], index % 3)
        job, offset = by_index
        assert job is not None
        assert job.result().get_counts(offset) == results.get_counts(f"c{index}")


def test_12_what_is_not_there_is_not_found(lab: Lab, manager: JobManager) -> None:
    lab.service.behave(run_seconds=30)
    job_set = manager.run(small_circuits(4), "remote", max_experiments_per_job=2)
    with pytest.raises(IBMQJobManagerJobNotFound):
        job_set.job(4)
    job_set.cancel()
    results = job_set.results(timeout=30)
    assert job_set.statuses() == [JobStatus.CANCELLED] * 2
    with pytest.raises(IBMQManagedResultDataNotAvailable, match="cancelled"):
        results.get_counts(0)
    whole = manager.run(small_circuits(1), "aer").results(timeout=30)
    with pytest.raises(IBMQManagedResultDataNotAvailable, match="no memory"):
        whole.get_memory(0)


@pytest.mark.parametrize("backend", ["aer", "remote", "limited"])
def test_13_combined_results_keep_the_order(manager: JobManager, backend: str) -> None:
    job_set = manager.run(small_circuits(9), backend, max_experiments_per_job=2, shots=10)
    combined = job_set.results(timeout=30).combine_results()
    assert combined.success
    assert [each.header["name"] for each in combined.results] == [f"c{i}" for i in range(9)]
    if backend != "aer":
        assert combined.get_counts() == [counts_of(index) for index in range(9)]


def test_14_a_result_is_fetched_once_and_kept(lab: Lab, manager: JobManager) -> None:
    job_set = manager.run(small_circuits(4), "remote", max_experiments_per_job=2, shots=10)
    wait_until(lambda: job_set.chunk_statuses() == [ChunkStatus.DONE] * 2, description="the chunks")
    lab.service.stop()
    try:
        for _ in range(2):
            with JobManager(lab.cluster.url) as fresh:
                results = fresh.retrieve_job_set(job_set.job_set_id()).results(timeout=5)
                assert results.get_counts() == [counts_of(index) for index in range(4)]
    finally:
        lab.service.start()
