"""A qiskit-aer ``NoiseModel`` as bytes, so that it can travel as a run option.

Aer's own ``to_dict`` leaves out how wide an error is and what noise delays get, and ``from_dict``
is deprecated.  What is written here is numbers and names, and no class is named for a reader to
import.  Neither side of this codec needs qiskit-aer; a worker builds the model from the
description, see :mod:`worker.providers.aer_noise`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.document import pack_document
from jobset_protocol.codecs.extensions import unpack_values
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.errors import CodecError

MAX_NOISE_BYTES = 256 << 20
"""Most unpacked bytes; 60 qubits with all their couplings take some 15 MB."""
MAX_ERROR_QUBITS = 100
"""A few bytes can name any width, and a reader makes each qubit of each of an error's circuits."""


class NoiseInstruction(NamedTuple):
    """One instruction of an error's circuit."""

    name: str
    qubits: list[int]
    params: list[Any]
    label: str | None


class GateError(NamedTuple):
    """What may happen at an instruction.

    Args:
        operation: The instruction's name or label.
        qubits: Where it happens; ``None`` for everywhere.
        width: Qubits of the error.
        terms: Probability and instructions of each of its circuits.
    """

    operation: str
    qubits: list[int] | None
    width: int
    terms: list[tuple[float, list[NoiseInstruction]]]


class ReadoutMatrix(NamedTuple):
    """How measurements of some qubits (``None``: of all) are misread."""

    qubits: list[int] | None
    probabilities: NDArray[np.float64]


class DelayNoise(NamedTuple):
    """Relaxation during delays, by qubit; times in seconds."""

    t1s: list[float]
    t2s: list[float]
    excited_populations: list[float]
    dt: float | None


class NoiseDescription(NamedTuple):
    """All that makes a noise model."""

    basis_gates: list[str]
    noise_instructions: list[str]
    noise_qubits: list[int]
    gate_errors: list[GateError]
    readout_errors: list[ReadoutMatrix]
    delays: list[DelayNoise]


def is_noise_model(value: object) -> bool:
    """Tell whether a value is qiskit-aer's ``NoiseModel``, without importing it."""
    return any(
        base.__name__ == "NoiseModel" and base.__module__.startswith("qiskit_aer.noise")
        for base in type(value).__mro__
    )


def encode_noise_model(model: Any) -> bytes:
    """Write a noise model.

    Raises:
        CodecError: It holds something that cannot be stored, such as a noise pass of one's own.
    """
    try:
        description = _described(model)
    except (AttributeError, TypeError) as error:
        raise CodecError(
            f"its NoiseModel is not that of qiskit-aer 0.17 or 0.18: {error}"
        ) from error
    data = pack_document(_lists(description))
    return frame.pack(CodecId.NOISE_MODEL, VERSIONS[CodecId.NOISE_MODEL], data)


def decode_noise_model(blob: bytes, *, max_bytes: int = MAX_NOISE_BYTES) -> NoiseDescription:
    """Read what :func:`encode_noise_model` wrote.

    Raises:
        PayloadTooLargeError: It is larger than ``max_bytes``.
        VersionMismatchError: A newer Jobset wrote it.
        CodecError: It is no noise model, or is damaged.
    """
    version = VERSIONS[CodecId.NOISE_MODEL]
    document = unpack_values(frame.unpack(blob, CodecId.NOISE_MODEL, version, max_bytes=max_bytes))
    try:
        gates, instructions, qubits, gate_errors, readout_errors, delays = document
        return NoiseDescription(
            gates,
            instructions,
            qubits,
            [_read_gate_error(*each) for each in gate_errors],
            [ReadoutMatrix(*each) for each in readout_errors],
            [DelayNoise(*each) for each in delays],
        )
    except (TypeError, ValueError) as error:
        raise CodecError(f"a stored noise model is damaged: {error}") from error


def _described(model: Any) -> NoiseDescription:
    everywhere: Mapping[str, Any] = model._default_quantum_errors
    local: Mapping[str, Mapping[tuple[int, ...], Any]] = model._local_quantum_errors
    gate_errors = [_gate_error(name, None, error) for name, error in everywhere.items()]
    gate_errors += [
        _gate_error(name, list(qubits), error)
        for name, by_qubits in local.items()
        for qubits, error in by_qubits.items()
    ]
    default = model._default_readout_error
    readout_errors = [] if default is None else [ReadoutMatrix(None, default.probabilities)]
    readout_errors += [
        ReadoutMatrix(list(qubits), error.probabilities)
        for qubits, error in model._local_readout_errors.items()
    ]
    return NoiseDescription(
        model.basis_gates,
        model.noise_instructions,
        model.noise_qubits,
        gate_errors,
        readout_errors,
        [_delay_noise(each) for each in model._custom_noise_passes],
    )


def _gate_error(operation: str, qubits: list[int] | None, error: Any) -> GateError:
    terms = [
        (float(probability), _instructions(circuit))
        for probability, circuit in zip(error.probabilities, error.circuits, strict=True)
    ]
    if error.num_qubits > MAX_ERROR_QUBITS:
        raise CodecError(
            f"its error of {operation!r} is one on {error.num_qubits} qubits, and "
            f"{MAX_ERROR_QUBITS} is the most"
        )
    return GateError(operation, qubits, error.num_qubits, terms)


def _instructions(circuit: QuantumCircuit) -> list[NoiseInstruction]:
    return [
        NoiseInstruction(
            each.operation.name,
            [circuit.find_bit(qubit).index for qubit in each.qubits],
            list(each.operation.params),
            each.operation.label,
        )
        for each in circuit.data
    ]


def _delay_noise(noise_pass: Any) -> DelayNoise:
    """Describe the one pass that ``NoiseModel.from_backend`` adds.

    Its target does not matter: it holds the durations of other instructions than delays.
    """
    kinds = [kind.__name__ for kind in noise_pass._ops]
    if type(noise_pass).__name__ != "RelaxationNoisePass" or kinds != ["Delay"]:
        raise CodecError(
            f"the noise model holds a {type(noise_pass).__name__}, which is code, not data"
        )
    dt = noise_pass._dt
    columns = (noise_pass._t1s, noise_pass._t2s, noise_pass._p1s)
    t1s, t2s, populations = ([float(value) for value in column] for column in columns)
    return DelayNoise(t1s, t2s, populations, None if dt is None else float(dt))


def _lists(value: Any) -> Any:
    """Turn tuples into lists: in a document, each tuple costs its reader a parser."""
    return [_lists(each) for each in value] if isinstance(value, list | tuple) else value


def _read_gate_error(
    operation: str, qubits: list[int] | None, width: int, terms: list[Any]
) -> GateError:
    if not 1 <= width <= MAX_ERROR_QUBITS:
        raise ValueError(f"an error on {width} qubits, and the limit is {MAX_ERROR_QUBITS}")
    return GateError(
        operation,
        qubits,
        width,
        [
            (probability, [NoiseInstruction(*each) for each in instructions])
            for probability, instructions in terms
        ],
    )
