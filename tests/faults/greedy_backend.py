"""A simulator that takes much memory for circuits of one name, and keeps a list of its runs."""

from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers.basic_provider import BasicSimulator

GREEDY = "greedy"


class GreedyBackend(BasicSimulator):
    """Runs everything, if it is let.

    Args:
        takes_bytes: What a circuit named ``greedy`` takes.
        runs: A file for a line a circuit that was begun: its name.
    """

    def __init__(self, takes_bytes: int, runs: str) -> None:
        super().__init__()
        self._takes_bytes = takes_bytes
        self._runs = Path(runs)

    def run(self, run_input: list[QuantumCircuit], **options: Any) -> Any:
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else run_input
        with self._runs.open("a", encoding="utf-8") as runs:
            runs.writelines(f"{circuit.name}\n" for circuit in circuits)
        for circuit in circuits:
            if circuit.name == GREEDY:
                # Zeros would take no memory before they are changed.
                b"x" * self._takes_bytes
        return super().run(run_input, **options)
