"""What the original was given."""

from collections.abc import Sequence
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from tests.data.original.service import Script

DONE = Script()
RUNNING = Script("RUNNING")
QUEUED = Script("QUEUED", queue_position=3)
QUEUED_SOMEWHERE = Script("QUEUED")
WAITING = Script("WAITING")
REFUSED = Script("REFUSED", error="the circuits are too wide")
FAILED = Script("ERROR_RUNNING_JOB", failed={1: "ERROR: no such gate", 2: "ERROR: no such qubit"})
BROKEN = Script("ERROR_RUNNING_JOB", error="Internal error\nof the control system")
INVALID = Script("ERROR_VALIDATING_JOB")


def circuits(names: Sequence[str]) -> list[QuantumCircuit]:
    made = []
    for number, name in enumerate(names):
        circuit = QuantumCircuit(
            QuantumRegister(4), ClassicalRegister(3, "a"), ClassicalRegister(1, "b"), name=name
        )
        circuit.metadata = {"number": number}
        circuit.measure(range(4), range(4))
        made.append(circuit)
    return made


def numbered(count: int, prefix: str = "c") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def case(
    name: str,
    names: Sequence[str],
    *scripts: Script,
    size: int | None = None,
    limit: int | None = None,
    tags: Sequence[str] = (),
    cancel: bool = False,
    states: bool = False,
) -> dict[str, Any]:
    """Describe one set to run."""
    return {
        "name": name,
        "tags": list(tags),
        "circuits": list(names),
        "max_experiments_per_job": size,
        "backend_max": limit,
        "cancel": cancel,
        "states": states,
        "scripts": scripts,
    }


CASES = [
    case("all done", numbered(8), size=3, tags=["a", "b"]),
    case("one job", numbered(4), limit=900),
    case("by the backend", numbered(10), limit=4, tags=["calibration"]),
    case("ends_7_", ["ghz 1", "x_1_", "Grüße", "0", "a.b"], size=2),
    case("states", numbered(5), size=2, states=True),
    case("at work", numbered(9), DONE, RUNNING, QUEUED, QUEUED_SOMEWHERE, size=2, limit=5),
    case("failures", numbered(13), FAILED, DONE, BROKEN, INVALID, size=3, tags=["a"]),
    case("cancelled", numbered(7), DONE, RUNNING, QUEUED, size=2, cancel=True),
    case("refused", numbered(6), DONE, REFUSED, DONE, size=2),
    case("waiting", numbered(6), DONE, WAITING, WAITING, size=2),
]
TOGETHER = [
    case("twin", numbered(4), DONE, RUNNING, size=2, tags=["a"]),
    case("other", numbered(3), FAILED),
    case("twin", numbered(3), DONE, RUNNING, DONE, size=1),
]
"""Sets of one manager, of which two share a name."""
SPLITS = [
    (count, size, limit)
    for count in (1, 5, 12, 75, 100)
    for size in (None, 1, 2, 7, 900)
    for limit in (None, 1, 3, 75)
    if count < 75 or 1 not in (size, limit)
]
"""Circuits, ``max_experiments_per_job`` and the backend's maximum."""
LISTS = [[["a", "b"], ["c"], ["d", "e", "f"]], [["a"]], [["a", "b"], ["c", "d"], ["e"]]]
RENAMES = ["second", "with spaces", "x_3_", "Grüße"]
TAGS: list[tuple[list[str], list[dict[str, list[str]]]]] = [
    (["a", "b"], [{"additional_tags": ["c"]}, {"removal_tags": ["a"]}, {"replacement_tags": []}]),
    ([], [{"additional_tags": ["x", "x", "y"]}, {"removal_tags": ["absent", "y"]}, {}]),
    (
        ["a"],
        [
            {"replacement_tags": ["b", "c"], "additional_tags": ["d"], "removal_tags": ["c", "a"]},
            {"additional_tags": ["e"], "removal_tags": ["e"]},
            {"replacement_tags": ["b"], "removal_tags": ["b"]},
            {"additional_tags": []},
        ],
    ),
]
