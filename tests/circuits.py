"""Circuits for whole-system tests."""

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.random import random_circuit
from qiskit_aer import AerSimulator


def random_circuits(count: int, *, qubits: int = 5, depth: int = 4) -> list[QuantumCircuit]:
    """Return measured, named random circuits in Aer's gates; the same ones every time."""
    circuits = [
        random_circuit(qubits, depth, max_operands=2, measure=True, seed=seed)
        for seed in range(count)
    ]
    for index, circuit in enumerate(circuits):
        circuit.name = f"random-{index}"
    ready: list[QuantumCircuit] = transpile(circuits, AerSimulator(), optimization_level=0)
    return ready


def small_circuits(count: int) -> list[QuantumCircuit]:
    """Return one-qubit circuits named by their index, quick to make."""
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(1, 10, name=f"c{index}")
        circuit.measure(0, 0)
        circuits.append(circuit)
    return circuits
