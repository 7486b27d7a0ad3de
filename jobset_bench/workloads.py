"""The circuits that every system runs, and how they are cut into chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from qiskit import QuantumCircuit

Counts = dict[str, int]

QUBITS = 5
SHOTS = 1024
SEED = 7
CHUNK_SEED_STRIDE = 2113
"""Aer gives circuit ``i`` of a run the seed ``seed + 2113 * i``; a chunk continues that row."""


class WorkloadName(StrEnum):
    """What is measured."""

    INSTANT = "instant"
    """Circuits to counts through a provider that answers at once."""
    AER = "aer"
    """Circuits to counts through Aer."""
    ENQUEUE = "enqueue"
    """The call that sends a set of one-circuit chunks; nobody consumes them."""
    STATUSES = "statuses"
    """Every chunk's status of the set just sent."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a benchmark is.

    Args:
        circuits: Circuits of the ``instant`` and the ``aer`` workload.
        chunk_size: Circuits in one chunk of those.
        sent_chunks: One-circuit chunks of the ``enqueue`` and the ``statuses`` workload.
    """

    circuits: int = 2_000
    chunk_size: int = 10
    sent_chunks: int = 10_000


FULL = Sizes()
QUICK = Sizes(circuits=200, chunk_size=10, sent_chunks=500)

_LAYERS = {WorkloadName.AER: 24, WorkloadName.INSTANT: 24, WorkloadName.ENQUEUE: 4}


@dataclass(frozen=True, slots=True)
class Workload:
    """Circuits, and how they are run.

    Args:
        name: What is measured.
        circuits: In Aer's own gates, so that no system transpiles.
        chunk_size: Circuits in every chunk but the last.
        shots: Shots of every circuit.
        seed: Seed of the first circuit of an unsplit run.
    """

    name: WorkloadName
    circuits: Sequence[QuantumCircuit]
    chunk_size: int
    shots: int = SHOTS
    seed: int = SEED

    @property
    def starts(self) -> range:
        """Index of every chunk's first circuit."""
        return range(0, len(self.circuits), self.chunk_size)

    def chunk(self, start: int) -> Sequence[QuantumCircuit]:
        """Return the chunk whose first circuit has the index ``start``."""
        return self.circuits[start : start + self.chunk_size]

    def chunk_seed(self, start: int) -> int:
        """Return the seed that makes a chunk equal its slice of an unsplit run.

        >>> Workload(WorkloadName.AER, [], 10, seed=7).chunk_seed(2)
        4233
        """
        return self.seed + CHUNK_SEED_STRIDE * start

    def head(self, chunks: int) -> "Workload":
        """Return the first chunks as a workload of their own, for warming up."""
        circuits = self.circuits[: chunks * self.chunk_size]
        return Workload(self.name, circuits, self.chunk_size, self.shots, self.seed)


@cache
def build(name: WorkloadName, sizes: Sizes) -> Workload:
    """Generate a workload; the same sizes give the same circuits."""
    if name in (WorkloadName.ENQUEUE, WorkloadName.STATUSES):
        layers = _LAYERS[WorkloadName.ENQUEUE]
        return Workload(name, layered_circuits(sizes.sent_chunks, layers), chunk_size=1)
    return Workload(name, layered_circuits(sizes.circuits, _LAYERS[name]), sizes.chunk_size)


def layered_circuits(count: int, layers: int) -> list[QuantumCircuit]:
    """Return measured circuits of random rotations and, in every other layer, entangling gates.

    >>> [circuit.name for circuit in layered_circuits(2, layers=4)]
    ['bench_0', 'bench_1']
    """
    generator = np.random.default_rng(SEED)
    return [_layered(f"bench_{index}", layers, generator) for index in range(count)]


def _layered(name: str, layers: int, generator: np.random.Generator) -> QuantumCircuit:
    circuit = QuantumCircuit(QUBITS, name=name)
    for layer in range(layers):
        if layer % 2:
            control, target, *rest = generator.permutation(QUBITS).tolist()
            circuit.cx(control, target)
            circuit.cx(rest[0], rest[1])
        else:
            for qubit, angles in enumerate(generator.uniform(0, 2 * np.pi, (QUBITS, 3)).tolist()):
                circuit.u(*angles, qubit)
    circuit.measure_all()
    return circuit
