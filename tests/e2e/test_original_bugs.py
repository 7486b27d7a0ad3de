"""The original's bugs, asked for on real workers and a provider that really fails: none is here.

Those that need no worker are in ``tests/unit/client/test_bug_table.py``; each test's docstring
says what the original did.
"""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import JobSetTimeoutError, ResultNotAvailableError
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.e2e.conftest import Lab
from tests.support import wait_until

AT_THE_PROVIDER = {ChunkStatus.SUBMITTED, ChunkStatus.RUNNING}


def counts_of(index: int, shots: int = 10) -> dict[str, int]:
    return {format(index, "010b"): shots}


@pytest.fixture
def one_refused(lab: Lab, manager: JobManager) -> ManagedJobSet:
    """A set of three jobs, of which the provider refuses the second and is at the others."""
    lab.service.behave(reject_circuits=["c1"], run_seconds=30)
    job_set = manager.run(small_circuits(3), "remote", max_experiments_per_job=1, shots=10)

    def is_there() -> bool:
        first, second, third = job_set.chunk_statuses()
        return second is ChunkStatus.FAILED and {first, third} <= AT_THE_PROVIDER

    wait_until(is_there, description="one refused and two submitted jobs")
    return job_set


def test_a_single_circuit_is_one_circuit(manager: JobManager) -> None:
    """``list(circuit)``: its instructions were submitted."""
    circuit = QuantumCircuit(2, 2, name="pair")
    circuit.x([0, 1])
    circuit.measure([0, 1], [0, 1])
    job_set = manager.run(circuit, "aer", shots=10)
    assert job_set.results(timeout=30).get_counts() == {"11": 10}
    assert job_set.circuit_names() == ["pair"]


def test_cancel_after_a_failed_submit_cancels_all_others(
    lab: Lab, one_refused: ManagedJobSet
) -> None:
    """``AttributeError``, and 0 of 2 live jobs were cancelled."""
    before = lab.service.stats()["statuses"].get("cancelled", 0)
    one_refused.cancel()
    one_refused.wait(timeout=30)
    assert one_refused.statuses() == [
        JobStatus.CANCELLED,
        JobStatus.ERROR,
        JobStatus.CANCELLED,
    ]
    assert lab.service.stats()["statuses"]["cancelled"] == before + 2


def test_a_failed_submit_is_reported(one_refused: ManagedJobSet) -> None:
    """``error_messages()`` was ``None``, and the report's totals left the job out."""
    messages = one_refused.error_messages(timeout=0) or ""
    assert messages.startswith("Experiments 1-1, job index=1, not submitted, rejected:\n")
    assert "'c1' is refused" in messages
    report = one_refused.report()
    assert "       Total jobs: 3" in report
    assert "      Failed jobs: 1" in report
    assert "status: job submit failed: circuit 1 ('c1')" in report
    one_refused.cancel()


def test_lookups_after_a_failed_submit(one_refused: ManagedJobSet) -> None:
    """``job(name)`` raised ``AttributeError``."""
    assert one_refused.job("c1") == (None, 0)
    for name, index in (("c0", 0), ("c2", 2)):
        job, offset = one_refused.job(name)
        assert job is one_refused.jobs()[index]
        assert offset == 0
    one_refused.cancel()


def test_cancel_at_the_job_limit_is_at_once(lab: Lab, manager: JobManager) -> None:
    """It waited until everything had been submitted, and then cancelled it."""
    lab.service.behave(run_seconds=30)
    job_set = manager.run(small_circuits(20), "limited", max_experiments_per_job=1)
    wait_until(
        lambda: sum(status in AT_THE_PROVIDER for status in job_set.chunk_statuses()) == 2,
        description="two jobs at the provider",
    )
    begun = time.monotonic()
    job_set.cancel()
    assert time.monotonic() - begun < 1
    job_set.wait(timeout=30)
    assert job_set.statuses() == [JobStatus.CANCELLED] * 20
    assert lab.submissions_of(job_set.job_set_id()) == [1, 1]


def test_a_timeout_covers_the_whole_call(lab: Lab, manager: JobManager) -> None:
    """``results(timeout=0.2)`` waited 2.0 s: submission was not timed."""
    lab.service.behave(submit_latency_seconds=1.5)
    job_set = manager.run(small_circuits(2), "remote", max_experiments_per_job=1)
    begun = time.monotonic()
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=0.2)
    assert 0.2 <= time.monotonic() - begun < 1
    job_set.cancel()
    job_set.wait(timeout=30)


def test_a_slow_first_job_hides_no_other(lab: Lab, manager: JobManager) -> None:
    """``partial=True`` was a time-out; the jobs that had finished were not returned."""

    def slow_first() -> Iterator[QuantumCircuit]:
        first, *others = small_circuits(4)
        lab.service.behave(run_seconds=60)
        yield first
        wait_until(
            lambda: lab.service.stats()["statuses"].get("running"), description="the first to run"
        )
        lab.service.behave(run_seconds=0)
        yield from others

    job_set = manager.run(slow_first(), "remote", max_experiments_per_job=1, shots=10)
    wait_until(
        lambda: job_set.chunk_statuses()[1:] == [ChunkStatus.DONE] * 3, description="the others"
    )
    results = job_set.results(timeout=0.2, partial=True)
    assert not results.success
    assert [results.get_counts(index) for index in (1, 2, 3)] == [
        counts_of(index) for index in (1, 2, 3)
    ]
    combined = results.combine_results(partial=True)
    assert [each.success for each in combined.results] == [False, True, True, True]
    with pytest.raises(ResultNotAvailableError, match=r"1 of the 4 circuits .* \(0; chunk 0 is"):
        results.combine_results()
    job_set.cancel()
    job_set.wait(timeout=30)


def test_good_circuits_of_a_failed_job_are_readable(manager: JobManager) -> None:
    """They were not, whatever ``partial`` was."""
    made = small_circuits(6)
    made[4].name = "bad"
    job_set = manager.run(made, "local", max_experiments_per_job=3, shots=10)
    results = job_set.results(timeout=30, partial=True)
    assert job_set.statuses() == [JobStatus.DONE, JobStatus.ERROR]
    good = [0, 1, 2, 3, 5]
    assert [results.get_counts(index) for index in good] == [counts_of(index) for index in good]
    with pytest.raises(ResultNotAvailableError, match=r"circuit 4 .*'bad' fails"):
        results.get_counts("bad")
    combined = results.combine_results(partial=True)
    assert [each.success for each in combined.results] == [index in good for index in range(6)]
    assert "Experiments 3-5, job index=1, " in (job_set.error_messages() or "")


def test_a_full_provider_is_not_stormed(lab: Lab, manager: JobManager) -> None:
    """With no running job in sight, there were 3,000 submits in 0.02 s."""
    lab.service.behave(max_pending=0, retry_after_seconds=0.3)
    begun = time.time()
    job_set = manager.run(small_circuits(4), "remote", max_experiments_per_job=1)

    def attempts() -> list[int]:
        return [record.tries.get("limit", 0) for record in job_set.chunk_records()]

    tried = wait_until(lambda: max(attempts()) >= 2 and attempts(), description="two attempts")
    assert tried
    assert sum(tried) <= 4 * (1 + (time.time() - begun) / 0.3)
    assert lab.submissions_of(job_set.job_set_id()) == []
    lab.service.behave(max_pending=None)
    assert job_set.results(timeout=60).success


def test_submissions_overlap_and_the_caller_waits_for_none(lab: Lab, manager: JobManager) -> None:
    """They were serial, under a lock: 20 of 50 ms each took 1.01 s."""
    lab.service.behave(submit_latency_seconds=0.2)
    begun = time.monotonic()
    job_set = manager.run(small_circuits(6), "remote", max_experiments_per_job=1)
    assert time.monotonic() - begun < 0.6
    job_set.results(timeout=30)
    submitted = sorted(record.submitted_at for record in job_set.chunk_records())
    # One after another, none would come sooner than its own 0.2 s after the one before.
    assert min(later - sooner for sooner, later in pairwise(submitted)) < 0.15


def test_the_combined_result_is_dated_when_the_last_job_ended(manager: JobManager) -> None:
    """It had the id and the date of job 0."""
    job_set = manager.run(small_circuits(4), "aer", max_experiments_per_job=2)
    combined = job_set.results(timeout=30).combine_results()
    dates = [job.result().date for job in job_set.jobs() if job]
    assert combined.job_id == job_set.job_set_id()
    assert combined.date == dates[-1]


def test_a_refreshed_set_has_the_new_results(lab: Lab, manager: JobManager) -> None:
    """``retrieve_jobs(refresh=True)`` kept stale ones; and failed jobs could not be tried again."""
    lab.service.behave(fail_circuits=["c2"])
    job_set = manager.run(small_circuits(6), "remote", max_experiments_per_job=2, shots=10)
    assert not job_set.results(timeout=30).success
    lab.service.behave(fail_circuits=[])
    with JobManager(lab.cluster.url) as other:
        [again] = other.retrieve_job_set(job_set.job_set_id()).retry()
        again.result(timeout=30)
        [past] = again.history
    assert (past.attempt, past.status) == (1, ChunkStatus.FAILED)
    assert past.reference is not None
    job_set.retrieve_jobs(manager, refresh=True)
    assert job_set.results(timeout=30).get_counts() == [counts_of(index) for index in range(6)]
    assert lab.submissions_of(job_set.job_set_id()) == [1] * 4


def test_lists_of_circuits_run_as_they_are(lab: Lab, manager: JobManager) -> None:
    """``ManagedJobSet.run`` took the manager's thread pool, which was never shut down."""
    made = small_circuits(6)
    job_set = ManagedJobSet(name="lists")
    job_set.run([made[:1], made[1:5], made[5:]], "remote", manager, shots=10)
    results = job_set.results(timeout=30)
    assert [results.get_counts(index) for index in range(6)] == [counts_of(i) for i in range(6)]
    with JobManager(lab.cluster.url) as fresh:
        assert len(fresh.retrieve_job_set(job_set.job_set_id()).jobs()) == 3


def test_no_thread_outlives_its_manager(lab: Lab) -> None:
    """The thread pool was never shut down."""
    before = set(threading.enumerate())
    with JobManager(lab.cluster.url) as manager:
        manager.run(small_circuits(20), "local", max_experiments_per_job=1).results(timeout=30)
    assert set(threading.enumerate()) <= before
