"""Carry through QPY what it drops or refuses: of qiskit-aer's ``save_*`` and ``set_*``, and delays.

QPY turns an instruction that it does not know into a plain one: name, label and parameters stay,
other attributes go.  Aer keeps in such an attribute, ``_subtype``, whether data is saved once, for
every shot or for every value of the classical bits; and two states that can be set are dicts and
lists, which QPY cannot write.  A carrier has the name and the label of the original, and two
parameters: a mark, and a document with everything else.  qiskit-aer is not needed here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CONTROL_FLOW_OP_NAMES, ControlFlowOp, Instruction, Operation

from jobset_protocol.codecs.delays import DELAYS, delay_carrier
from jobset_protocol.codecs.extensions import pack_values, unpack_values
from jobset_protocol.errors import CodecError

SAVE_NAMES = frozenset(
    {
        "save_amplitudes",
        "save_amplitudes_sq",
        "save_clifford",
        "save_density_matrix",
        "save_expval",
        "save_expval_var",
        "save_matrix_product_state",
        "save_probabilities",
        "save_probabilities_dict",
        "save_stabilizer",
        "save_state",
        "save_statevector",
        "save_statevector_dict",
        "save_superop",
        "save_unitary",
    }
)
SET_NAMES = frozenset({"set_matrix_product_state", "set_stabilizer"})
"""Only those that QPY cannot write; the others are whole without their class."""

_MARK = "jobset-directive-1"
NAMES = SAVE_NAMES | SET_NAMES
_CARRIED = NAMES | DELAYS


@dataclass(frozen=True, slots=True)
class Directive:
    """What a carrier carries besides name and label.

    Args:
        subtype: How Aer saves, such as ``single`` or ``c_average``; ``None`` for ``set_*``.
        params: The parameters of the original.
    """

    subtype: str | None
    params: list[Any]


def carried(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit that QPY keeps whole: itself, or a copy with carriers.

    Raises:
        TypeError, ValueError, OverflowError: A parameter cannot be stored.
    """
    return replaced(circuit, _CARRIED, _carrier)


def read_carrier(operation: Operation) -> Directive | None:
    """Return what an operation carries; ``None`` if it is no carrier.

    Raises:
        CodecError: It is damaged.
    """
    match getattr(operation, "params", ()):
        case [str(mark), np.ndarray() as document] if mark == _MARK:
            pass
        case _:
            return None
    match unpack_values(document.tobytes()):
        case [str() | None as subtype, list() as params]:
            return Directive(subtype, params)
    raise CodecError(f"stored circuits are damaged: what {operation.name} carries is unreadable")


def replaced(
    circuit: QuantumCircuit,
    names: frozenset[str],
    replacement: Callable[[Instruction], Instruction],
) -> QuantumCircuit:
    """Replace instructions of some names, also in the bodies of control flow.

    Args:
        circuit: Is not changed.
        names: Of what may be replaced.
        replacement: Returns what to put in place of an instruction, or the instruction itself.

    Returns:
        The circuit itself when nothing was replaced.
    """
    # Most circuits end here: names are counted without making a Python object a gate.
    watched = names | CONTROL_FLOW_OP_NAMES
    if watched.isdisjoint(circuit.count_ops()):
        return circuit
    copy = circuit.copy_empty_like()
    changed = False
    for instruction in circuit.data:
        if instruction.name in watched:
            old = instruction.operation
            new = _in_bodies(old, names, replacement)
            changed = changed or new is not old
            copy._append(instruction.replace(operation=new))
        else:
            copy._append(instruction)
    return copy if changed else circuit


def _in_bodies(
    operation: Instruction,
    names: frozenset[str],
    replacement: Callable[[Instruction], Instruction],
) -> Instruction:
    if not isinstance(operation, ControlFlowOp):
        return operation if operation.name in CONTROL_FLOW_OP_NAMES else replacement(operation)
    bodies = [replaced(body, names, replacement) for body in operation.blocks]
    if all(new is old for new, old in zip(bodies, operation.blocks, strict=True)):
        return operation
    return operation.replace_blocks(bodies)


def _carrier(operation: Instruction) -> Instruction:
    if operation.name in DELAYS:
        return delay_carrier(operation)
    subtype = getattr(operation, "_subtype", None)
    # Without a subtype it has been through QPY before, or is not Aer's: that is for a worker to
    # tell, since another backend may know the name.
    if operation.name in SAVE_NAMES and not isinstance(subtype, str):
        return operation
    document = np.frombuffer(pack_values([subtype, list(operation.params)]), dtype=np.uint8)
    return Instruction(
        operation.name,
        operation.num_qubits,
        operation.num_clbits,
        [_MARK, document],
        label=operation.label,
    )
