"""Turn what was carried through QPY into Aer's own instructions again.

See :mod:`jobset_protocol.codecs.directives`.
"""

from collections.abc import Mapping
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Instruction
from qiskit_aer import library

from jobset_protocol.codecs.directives import NAMES, SAVE_NAMES, read_carrier, replaced
from jobset_protocol.errors import FailureKind, ProviderError

CLASSES: Mapping[str, Any] = {
    "save_amplitudes": library.SaveAmplitudes,
    "save_amplitudes_sq": library.SaveAmplitudesSquared,
    "save_clifford": library.SaveClifford,
    "save_density_matrix": library.SaveDensityMatrix,
    "save_expval": library.SaveExpectationValue,
    "save_expval_var": library.SaveExpectationValueVariance,
    "save_matrix_product_state": library.SaveMatrixProductState,
    "save_probabilities": library.SaveProbabilities,
    "save_probabilities_dict": library.SaveProbabilitiesDict,
    "save_stabilizer": library.SaveStabilizer,
    "save_state": library.SaveState,
    "save_statevector": library.SaveStatevector,
    "save_statevector_dict": library.SaveStatevectorDict,
    "save_superop": library.SaveSuperOp,
    "save_unitary": library.SaveUnitary,
    "set_matrix_product_state": library.SetMatrixProductState,
    "set_stabilizer": library.SetStabilizer,
}
"""By name; one for each name that is carried."""


def with_aer_instructions(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return the circuit with Aer's instructions; itself when it carries none.

    Raises:
        ProviderError: REJECTED for a ``save_*`` that does not say how to save.
    """
    return replaced(circuit, NAMES, _rebuilt)


def _rebuilt(operation: Instruction) -> Instruction:
    name = operation.name
    directive = read_carrier(operation)
    if directive is None:
        if name in SAVE_NAMES and not hasattr(operation, "_subtype"):
            raise ProviderError(
                f"Aer cannot run a plain {name}: it does not say whether to save for every shot. "
                "A circuit loses that in a QPY file; add the instruction after loading, or as "
                "qiskit_aer.library has it",
                kind=FailureKind.REJECTED,
            )
        return operation
    # The constructors take other arguments, such as an operator, and compute the parameters.
    rebuilt: Instruction = CLASSES[name].__new__(CLASSES[name])
    Instruction.__init__(rebuilt, name, operation.num_qubits, 0, directive.params)
    rebuilt.label = operation.label
    if directive.subtype is not None:
        rebuilt._subtype = directive.subtype
    return rebuilt
