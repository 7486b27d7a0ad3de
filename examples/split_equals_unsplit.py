"""Run random circuits in chunks, and show that the counts are those of one unsplit run."""

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.random import random_circuit
from qiskit_aer import AerSimulator

from jobset_client import JobManager

SEED = 7
SHOTS = 500


def circuits(count: int) -> list[QuantumCircuit]:
    """Make measured circuits of three to five qubits."""
    made = [
        random_circuit(3 + number % 3, depth=4, measure=True, seed=number)
        for number in range(count)
    ]
    for number, circuit in enumerate(made):
        circuit.name = f"random_{number}"
    transpiled: list[QuantumCircuit] = transpile(made, AerSimulator())
    return transpiled


def main() -> None:
    """Compare 40 circuits in chunks of 7 with one run of Aer."""
    experiments = circuits(40)
    job_set = JobManager().run(
        experiments,
        backend="aer",
        name="split",
        max_experiments_per_job=7,
        shots=SHOTS,
        seed_simulator=SEED,
    )
    split = job_set.results(timeout=300)
    unsplit = AerSimulator().run(experiments, shots=SHOTS, seed_simulator=SEED).result()
    equal = sum(
        split.get_counts(index) == unsplit.get_counts(index) for index in range(len(experiments))
    )
    print(job_set.report(detailed=False))
    print(f"{equal} of {len(experiments)} circuits have identical counts")


if __name__ == "__main__":
    main()
