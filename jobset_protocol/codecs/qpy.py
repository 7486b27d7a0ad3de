"""A chunk's circuits as bytes: QPY programs, each behind its length (8 bytes, big-endian).

From QPY 16 on there is one program with all circuits.  Older ones have no table of circuits, so
each circuit is a program of its own: that is how a reader can check them all by their headers.
"""

import io
import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit import qpy as qiskit_qpy
from qiskit.qpy.common import QPY_VERSION

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.circuit_limits import (
    MAX_QPY_VERSION,
    MIN_QPY_VERSION,
    TABLE_QPY_VERSION,
    CircuitLimits,
    check_programs,
)
from jobset_protocol.codecs.delays import DELAY_CARRIERS, carried_delay
from jobset_protocol.codecs.directives import carried, replaced
from jobset_protocol.codecs.native_qpy import dump_plain
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.errors import (
    CodecError,
    InvalidExperimentsError,
    PayloadTooLargeError,
    VersionMismatchError,
)

DEFAULT_LIMITS = CircuitLimits()
_LENGTH = struct.Struct("!Q")


class _PlainMetadata(json.JSONEncoder):
    """Writes the numpy values of a circuit's metadata as plain ones."""

    def default(self, o: Any) -> Any:
        if isinstance(o, np.ndarray):
            return o.tolist()
        if isinstance(o, np.bool_ | np.integer | np.floating):
            return o.item()
        return super().default(o)


def reader_qpy_version() -> int:
    """Return the highest QPY version that this process reads, for a worker to announce."""
    return min(int(QPY_VERSION), MAX_QPY_VERSION)


def encode_circuits(
    circuits: Sequence[QuantumCircuit], *, qpy_version: int, first_index: int = 0
) -> bytes:
    """Write circuits so that a reader of ``qpy_version`` can read them.

    Numpy values in metadata become plain ones in the copy that travels; the user's circuits are
    not changed.

    Args:
        circuits: At least one.
        qpy_version: The highest version that the reader announced.
        first_index: The first circuit's index in its job set, for messages.

    Raises:
        InvalidExperimentsError: Something is no circuit, or cannot be written as QPY; names it.
        PayloadTooLargeError: A reader's limit is passed.
        VersionMismatchError: The reader is too old.
    """
    version = min(qpy_version, reader_qpy_version())
    if version < MIN_QPY_VERSION:
        raise VersionMismatchError(
            f"the reader knows QPY up to {qpy_version} and {MIN_QPY_VERSION} is the least that is "
            "written: upgrade qiskit on the worker"
        )
    if not circuits:
        raise InvalidExperimentsError("there are no circuits to encode")
    groups = [circuits] if version >= TABLE_QPY_VERSION else [[circuit] for circuit in circuits]
    try:
        programs = [_dump(group, version) for group in groups]
    except Exception as error:
        raise _name_culprit(circuits, version, first_index, error) from error
    data = b"".join(part for program in programs for part in (_LENGTH.pack(len(program)), program))
    # What no reader would take must not be stored.
    check_programs(programs, DEFAULT_LIMITS, reader_version=version)
    if len(data) > DEFAULT_LIMITS.max_bytes:
        raise PayloadTooLargeError(
            f"the circuits take {len(data):,} bytes and the limit is {DEFAULT_LIMITS.max_bytes:,}"
        )
    return frame.pack(CodecId.CIRCUITS, VERSIONS[CodecId.CIRCUITS], data)


def decode_circuits(blob: bytes, *, limits: CircuitLimits = DEFAULT_LIMITS) -> list[QuantumCircuit]:
    """Read what :func:`encode_circuits` wrote.

    Raises:
        PayloadTooLargeError: A limit is passed; nothing was built.
        VersionMismatchError: Jobset or qiskit is too old here, or the QPY is older than 13.
        CodecError: It holds no circuits, or is damaged.
    """
    version = VERSIONS[CodecId.CIRCUITS]
    data = frame.unpack(blob, CodecId.CIRCUITS, version, max_bytes=limits.max_bytes)
    programs = list(_split(data))
    expected = check_programs(programs, limits, reader_version=reader_qpy_version())
    try:
        circuits = [c for program in programs for c in qiskit_qpy.load(io.BytesIO(program))]
    except Exception as error:
        raise CodecError(f"stored circuits are damaged: {str(error)[:500]}") from error
    if len(circuits) != expected:
        raise CodecError(f"stored circuits are damaged: {len(circuits)} of {expected} were read")
    return [replaced(circuit, DELAY_CARRIERS, carried_delay) for circuit in circuits]


def _dump(circuits: Sequence[QuantumCircuit], version: int) -> bytes:
    whole = [carried(circuit) for circuit in circuits]
    plain = dump_plain(whole, version, _PlainMetadata)
    if plain is not None:
        return plain
    buffer = io.BytesIO()
    qiskit_qpy.dump(whole, buffer, metadata_serializer=_PlainMetadata, version=version)
    return buffer.getvalue()


def _name_culprit(
    circuits: Sequence[QuantumCircuit], version: int, first_index: int, error: Exception
) -> CodecError | InvalidExperimentsError:
    for index, circuit in enumerate(circuits, first_index):
        if not isinstance(circuit, QuantumCircuit):
            return InvalidExperimentsError(
                f"experiment {index} is a {type(circuit).__name__}, not a QuantumCircuit"
            )
        name = f"circuit {index} ({circuit.name!r})"
        try:
            json.dumps(circuit.metadata, cls=_PlainMetadata)
        except (TypeError, ValueError, RecursionError) as reason:
            return InvalidExperimentsError(
                f"{name} has metadata that is not JSON: {reason}; use plain values, numpy numbers "
                "and numpy arrays of numbers"
            )
        try:
            _dump([circuit], version)
        except Exception as reason:  # noqa: BLE001 -- qiskit raises whatever its parts raise
            return InvalidExperimentsError(
                f"{name} cannot be written as QPY {version}: {str(reason)[:500]}"
            )
    return CodecError(f"the circuits cannot be written as QPY {version}: {str(error)[:500]}")


def _split(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), 0
    while start < len(view):
        if start + _LENGTH.size > len(view):
            raise CodecError("stored circuits are damaged: a length is cut off")
        (length,) = _LENGTH.unpack_from(view, start)
        start += _LENGTH.size
        if length > len(view) - start:
            raise CodecError("stored circuits are damaged: a program is cut off")
        yield view[start : start + length]
        start += length
