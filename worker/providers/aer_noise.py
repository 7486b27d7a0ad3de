"""Build a noise model from what a client sent.

See :mod:`jobset_protocol.codecs.noise_model`.  The model that is built gives Aer the same numbers
as the original, bit by bit; its errors' circuits hold plain instructions with the right names,
which is all that the simulator reads of them.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Instruction
from qiskit.exceptions import QiskitError
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError, RelaxationNoisePass

from jobset_protocol.codecs.noise_model import (
    DelayNoise,
    GateError,
    NoiseInstruction,
    decode_noise_model,
)
from jobset_protocol.errors import CodecError, FailureKind, ProviderError

_MALFORMED = (CodecError, QiskitError, TypeError, ValueError, ArithmeticError, LookupError)


def with_noise_model(backend: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return run options with the noise model in place of the bytes that describe it.

    Raises:
        ProviderError: FATAL; the option ``noise_model`` is no such bytes, or they are damaged.
    """
    blob = options.get("noise_model")
    if blob is None:
        return dict(options)
    if not isinstance(blob, bytes):
        raise ProviderError(
            f"{backend}: the run option noise_model must be a qiskit_aer.noise.NoiseModel, not a "
            f"{type(blob).__name__}",
            kind=FailureKind.FATAL,
        )
    try:
        return {**options, "noise_model": noise_model_of(blob)}
    except _MALFORMED as error:
        raise ProviderError(
            f"{backend}: the run option noise_model cannot be read: {error}",
            kind=FailureKind.FATAL,
        ) from error


@lru_cache(maxsize=8)
def noise_model_of(blob: bytes) -> NoiseModel:
    """Build a noise model; the chunks of a set share one.

    Raises:
        CodecError: The bytes are no noise model, or are damaged.
        QiskitError, ValueError, TypeError: What they describe is none.
    """
    description = decode_noise_model(blob)
    model = NoiseModel()
    # Not through add_quantum_error: it would compute anew what each error does.
    model._basis_gates = set(description.basis_gates)
    model._noise_instructions = set(description.noise_instructions)
    model._noise_qubits = set(description.noise_qubits)
    local: defaultdict[str, dict[tuple[int, ...], QuantumError]] = defaultdict(dict)
    for each in description.gate_errors:
        if each.qubits is None:
            model._default_quantum_errors[each.operation] = _quantum_error(each)
        else:
            local[each.operation][tuple(each.qubits)] = _quantum_error(each)
    model._local_quantum_errors = dict(local)
    for qubits, probabilities in description.readout_errors:
        error = ReadoutError(probabilities)
        if qubits is None:
            model._default_readout_error = error
        else:
            model._local_readout_errors[tuple(qubits)] = error
    model._custom_noise_passes = [_relaxation(each) for each in description.delays]
    return model


def _quantum_error(described: GateError) -> QuantumError:
    error = QuantumError(
        [
            (_circuit(described.width, instructions), probability)
            for probability, instructions in described.terms
        ]
    )
    # The constructor divides by their sum, which need not be one to the last bit.
    error._probs = [probability for probability, _ in described.terms]
    return error


def _circuit(width: int, instructions: list[NoiseInstruction]) -> QuantumCircuit:
    circuit = QuantumCircuit(width)
    for name, qubits, params, label in instructions:
        circuit.append(Instruction(name, len(qubits), 0, params, label=label), qubits)
    return circuit


def _relaxation(described: DelayNoise) -> RelaxationNoisePass:
    t1s, t2s, populations, dt = described
    return RelaxationNoisePass(
        t1s, t2s, dt=dt, op_types=Delay, excited_state_populations=populations
    )
