"""Benchmark circuits of the field through many small chunks: the counts of one unsplit run."""

from itertools import islice

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator

from jobset_client import JobManager, LocalCluster
from jobset_protocol.errors import AmbiguousNameError

mqt_bench = pytest.importorskip("mqt.bench", reason="mqt.bench is not installed")
CIRCUITS = 108
SHOTS = 256
SEED = 11


@pytest.fixture(scope="module")
def circuits() -> list[QuantumCircuit]:
    """Circuits of 3 to 5 qubits; a name stands for all sizes and levels of an algorithm."""
    from mqt.bench.benchmarks import get_available_benchmark_names

    levels = (mqt_bench.BenchmarkLevel.INDEP, mqt_bench.BenchmarkLevel.ALG)
    wanted = (
        (name, level, size)
        for level in levels
        for name in get_available_benchmark_names()
        for size in (3, 4, 5)
    )
    made = (circuit for args in wanted if (circuit := made_or_none(*args)) is not None)
    simulator = AerSimulator()
    found = islice((circuit for circuit in made if "measure" in circuit.count_ops()), CIRCUITS)
    circuits: list[QuantumCircuit] = transpile(list(found), simulator, optimization_level=0)
    return circuits


def made_or_none(name: str, level: object, size: int) -> QuantumCircuit | None:
    try:
        return mqt_bench.get_benchmark(name, level, size)
    except ValueError:
        # Not every algorithm exists in every size.
        return None


def test_counts_are_those_of_one_run(cluster: LocalCluster, circuits: list[QuantumCircuit]) -> None:
    assert len(circuits) == CIRCUITS
    unsplit = AerSimulator().run(circuits, shots=SHOTS, seed_simulator=SEED).result()
    with JobManager(cluster.url) as manager:
        job_set = manager.run(
            circuits, "aer", max_experiments_per_job=7, shots=SHOTS, seed_simulator=SEED
        )
        results = job_set.results(timeout=100)
        assert results.success, job_set.error_messages()
        assert results.get_counts() == unsplit.get_counts()
        combined = results.combine_results()
    assert [experiment.header["name"] for experiment in combined.results] == [
        circuit.name for circuit in circuits
    ]


def test_a_repeated_name_lists_its_indices(
    cluster: LocalCluster, circuits: list[QuantumCircuit]
) -> None:
    names = [circuit.name for circuit in circuits]
    repeated = next(name for name in names if names.count(name) > 1)
    indices = [index for index, name in enumerate(names) if name == repeated]
    with JobManager(cluster.url) as manager:
        job_set = manager.run(circuits, "aer", max_experiments_per_job=7, shots=10)
        with pytest.raises(AmbiguousNameError) as raised:
            job_set.results(timeout=100).get_counts(repeated)
    assert all(str(index) in str(raised.value) for index in indices)
