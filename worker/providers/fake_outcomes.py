"""What the fake provider measures; shared by its local form and its service.

Every shot of circuit *i* of the job set reads the number ``(seed_simulator + i) mod 2**clbits``
(the seed is 0 unless given), so that a test can tell from any count which circuit it belongs to.

Imports nothing heavy: the service must start quickly.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple, TypedDict


class FakeCircuit(NamedTuple):
    """All that the fake provider knows of a circuit."""

    name: str
    clbits: int


class FakeExperiment(TypedDict):
    """One circuit's outcome; counts and memory are in qiskit's hexadecimal form."""

    name: str
    success: bool
    status: str
    shots: int
    counts: dict[str, int]
    memory: list[str]


def outcome(index: int, *, seed: int, clbits: int) -> str:
    """Return what every shot of a circuit reads.

    Args:
        index: The circuit's place in the job set.
        seed: The run's ``seed_simulator``.
        clbits: Width of the classical register.

    >>> outcome(6, seed=0, clbits=2)
    '0x2'
    """
    return hex((seed + index) % (1 << clbits))


def experiment(
    circuit: FakeCircuit,
    index: int,
    *,
    shots: int,
    seed: int,
    memory: bool,
    fails: Iterable[str] = (),
) -> FakeExperiment:
    """Run a circuit, so to say; one without classical bits has no counts, as in Aer.

    >>> ghz = FakeCircuit("ghz", clbits=3)
    >>> experiment(ghz, 9, shots=100, seed=0, memory=False)["counts"]
    {'0x1': 100}
    """
    if named(circuit.name, fails):
        return FakeExperiment(
            name=circuit.name,
            success=False,
            status=failure_text(circuit.name),
            shots=0,
            counts={},
            memory=[],
        )
    value = outcome(index, seed=seed, clbits=circuit.clbits)
    measured = circuit.clbits > 0
    return FakeExperiment(
        name=circuit.name,
        success=True,
        status="DONE",
        shots=shots,
        counts={value: shots} if measured else {},
        memory=[value] * shots if measured and memory else [],
    )


def named(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a circuit's name is one of these, or matches one with a ``*``.

    >>> named("bad_7", ["bad*"]), named("ghz[1]", ["ghz[1]"])
    (True, True)
    """
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def rejection_text(name: str) -> str:
    """Return the message for a circuit that is configured to be refused."""
    return f"circuit {name!r} is refused by configuration (reject_circuits)"


def failure_text(name: str) -> str:
    """Return the message for a circuit that is configured to fail."""
    return f"circuit {name!r} fails by configuration (fail_circuits)"
