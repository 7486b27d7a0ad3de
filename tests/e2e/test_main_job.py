"""The main job on real parts: circuits in, one task a chunk, ordered results out."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.result import Result
from qiskit_aer import AerSimulator

from jobset_client import JobManager, LocalCluster
from tests.circuits import random_circuits, small_circuits
from tests.support import wait_until

SEED = 41
SHOTS = 200


@pytest.fixture(scope="module")
def circuits() -> list[QuantumCircuit]:
    return random_circuits(200)


@pytest.fixture(scope="module")
def unsplit(circuits: list[QuantumCircuit]) -> Result:
    """What one large run returns."""
    return AerSimulator().run(circuits, shots=SHOTS, seed_simulator=SEED).result()


def assert_equal(combined: Result, unsplit: Result) -> None:
    """The aggregate is what the unsplit run returned: order, length, names, shots and counts."""
    assert combined.success
    assert len(combined.results) == len(unsplit.results)
    for ours, theirs in zip(combined.results, unsplit.results, strict=True):
        assert ours.header["name"] == theirs.header["name"]
        assert ours.shots == theirs.shots
        assert ours.data.counts == theirs.data.counts


@pytest.mark.parametrize("chunk_size", [1, 7, 64, 200])
def test_split_equals_unsplit_whatever_the_chunk_size(
    cluster: LocalCluster, circuits: list[QuantumCircuit], unsplit: Result, chunk_size: int
) -> None:
    with JobManager(cluster.url) as manager:
        job_set = manager.run(
            circuits,
            "aer",
            max_experiments_per_job=chunk_size,
            shots=SHOTS,
            seed_simulator=SEED,
        )
        results = job_set.results(timeout=100)
        assert job_set.statuses() == [JobStatus.DONE] * -(-200 // chunk_size)
        assert_equal(results.combine_results(), unsplit)
        assert results.get_counts("random-123") == unsplit.get_counts("random-123")
        assert results.get_counts(199) == unsplit.get_counts(199)


def test_split_equals_unsplit_whatever_the_number_of_workers(
    tmp_path: Path, circuits: list[QuantumCircuit], unsplit: Result
) -> None:
    with LocalCluster(workers=1, directory=tmp_path) as alone, JobManager(alone.url) as manager:
        job_set = manager.run(
            circuits, "aer", max_experiments_per_job=9, shots=SHOTS, seed_simulator=SEED
        )
        assert_equal(job_set.results(timeout=100).combine_results(), unsplit)


def test_states_and_unitaries_are_those_of_an_unsplit_run(cluster: LocalCluster) -> None:
    circuits = []
    for index in range(6):
        circuit = QuantumCircuit(2, 1, name=f"saving-{index}")
        circuit.ry(0.4 * (index + 1), 0)
        circuit.cx(0, 1)
        if index % 2:
            circuit.save_unitary()
        else:
            circuit.measure(0, 0)
            circuit.save_statevector()
            circuit.save_probabilities(label="every shot", pershot=True)
        circuits.append(circuit)
    unsplit = AerSimulator().run(circuits, shots=9, seed_simulator=SEED).result()
    with JobManager(cluster.url) as manager:
        job_set = manager.run(
            circuits, "aer", max_experiments_per_job=2, shots=9, seed_simulator=SEED
        )
        results = job_set.results(timeout=100)
        assert job_set.statuses() == [JobStatus.DONE] * 3, job_set.error_messages()
        for index in (1, 3, 5):
            assert results.get_unitary(index) == unsplit.get_unitary(index)
        for index in (0, 2, 4):
            assert results.get_statevector(index) == unsplit.get_statevector(index)
            every_shot = results.data(index)["every shot"]
            np.testing.assert_array_equal(every_shot, unsplit.data(index)["every shot"])
            assert len(every_shot) == 9


def test_a_remote_set_goes_from_submission_to_result(cluster: LocalCluster) -> None:
    with JobManager(cluster.url) as manager:
        job_set = manager.run(
            small_circuits(30), "fake-remote", max_experiments_per_job=3, shots=11, name="remote"
        )
        results = job_set.results(timeout=60)
        assert [results.get_counts(index) for index in range(30)] == [
            {format(index, "010b"): 11} for index in range(30)
        ]
        ids = [job.job_id() for job in job_set.jobs() if job is not None]
        assert len(set(ids)) == 10
        assert all(each.startswith("fake-") for each in ids)
        report = job_set.report()
        assert all(each in report for each in ids)


SUBMIT_AND_WAIT = """
import sys
from jobset_client import JobManager
from tests.circuits import small_circuits
manager = JobManager(sys.argv[1])
job_set = manager.run(small_circuits(40), "fake-remote", name="orphan",
                      max_experiments_per_job=2, shots=5)
print(job_set.job_set_id(), flush=True)
job_set.results()
sys.stdin.read()
"""
READ = """
import json, sys
from jobset_client import JobManager
with JobManager(sys.argv[1]) as manager:
    job_set = manager.retrieve_job_set(sys.argv[2])
    results = job_set.results(timeout=60)
    print(json.dumps([results.get_counts(index) for index in range(40)]))
"""


def test_results_outlive_the_client_that_asked_for_them(cluster: LocalCluster) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    client = subprocess.Popen(
        [sys.executable, "-c", SUBMIT_AND_WAIT, cluster.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with client:
        assert client.stdout is not None
        set_id = client.stdout.readline().strip()
        client.send_signal(signal.SIGKILL)
    reader = subprocess.run(
        [sys.executable, "-c", READ, cluster.url, set_id],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert json.loads(reader.stdout) == [{format(index, "010b"): 5} for index in range(40)]
    with JobManager(cluster.url) as manager:
        [found] = manager.job_sets(name="orphan")
        assert found.job_set_id() == set_id


def test_a_set_is_cancelled_at_the_provider(cluster: LocalCluster) -> None:
    with JobManager(cluster.url) as manager:
        job_set = manager.run(small_circuits(6), "aer", max_experiments_per_job=1)
        job_set.cancel()
        results = job_set.results(timeout=60)
        assert set(job_set.statuses()) <= {JobStatus.CANCELLED, JobStatus.DONE}
        if JobStatus.CANCELLED in job_set.statuses():
            assert not results.success


def test_an_option_that_the_provider_refuses_is_told(cluster: LocalCluster) -> None:
    with JobManager(cluster.url) as manager:
        job_set = manager.run(small_circuits(1), "aer", no_such_option=1)
        results = job_set.results(timeout=60)
        assert not results.success
        assert "no_such_option" in (job_set.error_messages() or "")
        wait_until(
            lambda: job_set.statuses() == [JobStatus.ERROR], description="the chunk to have failed"
        )
