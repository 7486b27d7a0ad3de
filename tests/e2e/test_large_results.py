"""Results of 200 MB through a folder of files: the server holds only where they are."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from jobset_client import JobManager, LocalCluster
from jobset_protocol.errors import CodecError, ConfigurationError, StoreLostError
from jobset_protocol.store import connect

CIRCUITS = 50
QUBITS = 18
LEAST_RESULT_BYTES = 200_000_000
MOST_SERVER_BYTES = 50_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that this process and the workers are told of."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    monkeypatch.setenv("JOBSET_BLOBS_URL", folder.as_uri())
    return folder


@pytest.fixture
def own_cluster(folder: Path, tmp_path: Path) -> Iterator[LocalCluster]:
    with LocalCluster(workers=2, directory=tmp_path / "cluster", fake=False) as cluster:
        yield cluster


def state_circuits(count: int) -> list[QuantumCircuit]:
    """Circuits whose states are 4 MB each, and do not compress."""
    generator = np.random.default_rng(3)
    made = []
    for number in range(count):
        circuit = QuantumCircuit(QUBITS, name=f"state-{number}")
        for layer in range(3):
            for qubit in range(QUBITS):
                circuit.u(*generator.uniform(0, 6, 3), qubit)
            for qubit in range(layer % 2, QUBITS - 1, 2):
                circuit.cx(qubit, qubit + 1)
        circuit.save_statevector()
        made.append(circuit)
    return made


def server_bytes(url: str) -> int:
    with contextlib.closing(connect(url)) as store:
        return int(store.client.info("memory")["used_memory_peak"])


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_200_mb_of_results_stay_out_of_the_server(
    own_cluster: LocalCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuits = state_circuits(CIRCUITS)
    with JobManager(own_cluster.url) as manager:
        # When the results of a set are 200 MB
        job_set = manager.run(circuits, "aer", max_experiments_per_job=1)
        results = job_set.results(timeout=200)
        assert results.success, job_set.error_messages()
        # Then they are in files, and the server has hardly noticed
        assert sum(path.stat().st_size for path in files_of(folder)) > LEAST_RESULT_BYTES
        assert server_bytes(own_cluster.url) < MOST_SERVER_BYTES
        # And they are what one run returns
        for index in (0, CIRCUITS - 1):
            expected = AerSimulator().run(circuits[index]).result().get_statevector()
            np.testing.assert_array_equal(results.get_statevector(index), expected)
        # And a side that was not told of the folder says so
        monkeypatch.delenv("JOBSET_BLOBS_URL")
        with JobManager(own_cluster.url) as ignorant:
            elsewhere = ignorant.retrieve_job_set(job_set.job_set_id())
            with pytest.raises(ConfigurationError, match="JOBSET_BLOBS_URL"):
                elsewhere.results(timeout=10).get_statevector(0)
        # And they go with their set
        job_set.delete()
        assert files_of(folder) == []


def test_a_file_that_is_damaged_or_gone_is_noticed(own_cluster: LocalCluster, folder: Path) -> None:
    with JobManager(own_cluster.url) as manager:
        job_set = manager.run(state_circuits(2), "aer", max_experiments_per_job=1)
        job_set.wait(timeout=60)
        first, second = sorted(path for path in files_of(folder) if "-result-" in path.name)
        damaged = bytearray(first.read_bytes())
        damaged[1000] ^= 1
        first.write_bytes(damaged)
        second.unlink()
        with pytest.raises(CodecError, match="is damaged"):
            job_set.results().get_statevector(0)
        with pytest.raises(StoreLostError):
            job_set.results().get_statevector(1)
