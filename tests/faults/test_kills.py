"""Kill -9, restarts and SIGTERM in the middle of a set: nothing lost, nothing submitted twice."""

import contextlib
import os
import signal
import time

import pytest
from qiskit.providers import JobStatus

from jobset_client import ManagedJobSet
from jobset_protocol.messages import ChunkKey
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, connect
from tests.circuits import small_circuits
from tests.faults.conftest import HurtCluster
from tests.faults.processes import alive
from tests.support import wait_until

CHUNKS = 200


def finished(job_set: ManagedJobSet) -> int:
    return job_set.statuses().count(JobStatus.DONE)


def assert_whole_and_single(hurt: HurtCluster, job_set: ManagedJobSet) -> None:
    """Every chunk is done and right, and the provider made one job of each."""
    results = job_set.results(timeout=90)
    assert job_set.statuses() == [JobStatus.DONE] * CHUNKS
    assert [results.get_counts(index) for index in range(CHUNKS)] == [
        {format(index, "010b"): 10} for index in range(CHUNKS)
    ]
    assert list(hurt.submissions_of(job_set.job_set_id()).values()) == [1] * CHUNKS


def test_worker_and_watcher_killed_and_server_restarted(hurt: HurtCluster) -> None:
    hurt.behave(submit_latency_seconds=0.02, queue_seconds=0.2, run_seconds=0.3)
    job_set = hurt.manager.run(
        small_circuits(CHUNKS), "fake-remote", max_experiments_per_job=1, shots=10
    )
    for share, name in ((0.1, "worker"), (0.3, "watcher"), (0.5, "valkey"), (0.7, "worker")):
        wait_until(
            lambda share=share: finished(job_set) >= share * CHUNKS,  # type: ignore[misc]
            description=f"{share:.0%} of the chunks",
            timeout_seconds=60,
        )
        os.kill(hurt.pid(name), signal.SIGKILL)
    assert_whole_and_single(hurt, job_set)


def test_the_server_killed_again_and_again(hurt: HurtCluster) -> None:
    """Kombu 5.7.0 ended every worker that held a message when Redis went away."""
    hurt.behave(submit_latency_seconds=0.05, run_seconds=0.1)
    worker = hurt.pid("worker")
    job_set = hurt.manager.run(
        small_circuits(CHUNKS), "fake-remote", max_experiments_per_job=1, shots=10
    )
    for kill in range(1, 4):
        wait_until(
            lambda kill=kill: finished(job_set) >= kill * 30,  # type: ignore[misc]
            description=f"{kill * 30} chunks",
            timeout_seconds=60,
        )
        os.kill(hurt.pid("valkey"), signal.SIGKILL)
    assert_whole_and_single(hurt, job_set)
    assert hurt.pid("worker") == worker


def test_replies_lost_after_the_job_was_created(hurt: HurtCluster) -> None:
    hurt.behave(drop_rate=0.2, error_rate=0.1)
    job_set = hurt.manager.run(
        small_circuits(CHUNKS), "fake-remote", max_experiments_per_job=1, shots=10
    )
    assert_whole_and_single(hurt, job_set)


def test_a_full_provider_is_waited_for(hurt: HurtCluster) -> None:
    hurt.behave(max_pending=5, retry_after_seconds=0.2, run_seconds=0.05)
    job_set = hurt.manager.run(
        small_circuits(60), "fake-remote", max_experiments_per_job=1, shots=10
    )
    assert job_set.results(timeout=90).success
    assert list(hurt.submissions_of(job_set.job_set_id()).values()) == [1] * 60


def test_sigterm_hands_submissions_over(hurt: HurtCluster) -> None:
    hurt.behave(submit_latency_seconds=0.1, run_seconds=0.2)
    job_set = hurt.manager.run(
        small_circuits(CHUNKS), "fake-remote", max_experiments_per_job=1, shots=10
    )
    wait_until(lambda: finished(job_set) >= 20, description="20 chunks", timeout_seconds=60)
    for name in ("worker", "watcher"):
        pid = hurt.pid(name)
        begun = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda pid=pid: not alive(pid), description=f"{name} to stop")  # type: ignore[misc]
        assert time.monotonic() - begun < 10
    assert_whole_and_single(hurt, job_set)


def test_sigterm_hands_a_long_submission_over(hurt: HurtCluster) -> None:
    """A submission that outlasts the drain is in doubt, is looked up, and is not repeated."""
    hurt.behave(submit_latency_seconds=9.0)
    job_set = hurt.manager.run(small_circuits(2), "fake-remote", max_experiments_per_job=1)
    key = ChunkKey(job_set.job_set_id(), 0)
    with contextlib.closing(connect(hurt.cluster.url)) as store:
        wait_for_status(store, key, ChunkStatus.SUBMITTING)
        wait_until(
            lambda: len(hurt.submissions_of(key.set_id)) == 2, description="the jobs to be there"
        )
        hurt.behave(submit_latency_seconds=0.0)
        begun = time.monotonic()
        pid = hurt.pid("worker")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), description="the worker to stop")
        assert time.monotonic() - begun < 10
    assert job_set.results(timeout=60).success
    assert list(hurt.submissions_of(key.set_id).values()) == [1, 1]


def wait_for_status(store: RedisStore, key: ChunkKey, status: ChunkStatus) -> None:
    wait_until(
        lambda: store.chunks([key])[0].status is status, description=f"chunk {key} to be {status}"
    )


@pytest.mark.parametrize("backend", ["aer"])
def test_a_local_chunk_whose_worker_dies_is_run_again(hurt: HurtCluster, backend: str) -> None:
    job_set = hurt.manager.run(small_circuits(400), backend, max_experiments_per_job=4, shots=2000)
    wait_until(lambda: finished(job_set) >= 10, description="10 chunks", timeout_seconds=60)
    os.kill(hurt.pid("worker"), signal.SIGKILL)
    assert job_set.results(timeout=90).success
