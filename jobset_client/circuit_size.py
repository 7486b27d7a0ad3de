"""How many bytes a circuit takes at least as QPY, without writing them.

Writing takes seconds where a circuit is far too large, and of a list it would come when circuits
in front of it run already.
"""

from functools import cache

from qiskit import QuantumCircuit
from qiskit.circuit import Instruction
from qiskit.circuit.library import get_standard_gate_name_mapping

from jobset_protocol.codecs.qpy import DEFAULT_LIMITS
from jobset_protocol.errors import PayloadTooLargeError
from jobset_protocol.messages import BackendSpec

_INSTRUCTION_BYTES = 33
"""What QPY 13 to 18 write of any instruction, before its name, bits and parameters."""
_BIT_BYTES = 5
_NUMBER_BYTES = 17
_FEW_INSTRUCTIONS = 10_000
_FEW_QUBITS = 9
"""A circuit with so few of both is not counted: that takes longer than it tells."""
_MATRIX = "unitary"


def require_room(index: int, circuit: QuantumCircuit, spec: BackendSpec) -> None:
    """Refuse a circuit that cannot be small enough for one job.

    Args:
        index: Which of the given circuits it is.
        circuit: It.
        spec: What the workers announced.

    Raises:
        PayloadTooLargeError: It is too large; names it.
    """
    for what, found, limit in (
        ("qubits", circuit.num_qubits, DEFAULT_LIMITS.max_qubits),
        ("classical bits", circuit.num_clbits, DEFAULT_LIMITS.max_clbits),
    ):
        if found > limit:
            raise PayloadTooLargeError(
                f"experiments[{index}] ({circuit.name!r}) has {found:,} {what}, and workers read "
                f"circuits of {limit:,} at most: run it as several smaller circuits"
            )
    if len(circuit.data) <= _FEW_INSTRUCTIONS and circuit.num_qubits <= _FEW_QUBITS:
        return
    most = min(DEFAULT_LIMITS.max_bytes, spec.max_bytes or DEFAULT_LIMITS.max_bytes)
    least = least_bytes(circuit)
    if least > most:
        raise PayloadTooLargeError(
            f"experiments[{index}] ({circuit.name!r}) is too large for one job: it takes at least "
            f"{least:,} bytes as QPY, and backend {spec.alias!r} takes {most:,}: "
            "run it as several smaller circuits"
        )


def least_bytes(circuit: QuantumCircuit) -> int:
    """Return what a circuit's instructions take at least.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.rz(0.5, 0), circuit.cx(0, 1)
    >>> least_bytes(circuit)
    110
    """
    numbers = circuit.count_ops()
    total: int = sum(_least_bytes_of(name) * number for name, number in numbers.items())
    if _MATRIX in numbers:
        matrices = circuit.get_instructions(_MATRIX)
        total += sum(each.operation.params[0].nbytes for each in matrices)
    return total


@cache
def _standard() -> dict[str, Instruction]:
    return dict(get_standard_gate_name_mapping())


@cache
def _least_bytes_of(name: str) -> int:
    gate = _standard().get(name)
    if gate is None:
        return _INSTRUCTION_BYTES
    bits = gate.num_qubits + gate.num_clbits
    class_name: str = gate.base_class.__name__
    variable: int = _BIT_BYTES * bits + _NUMBER_BYTES * len(gate.params)
    return _INSTRUCTION_BYTES + len(class_name) + variable
