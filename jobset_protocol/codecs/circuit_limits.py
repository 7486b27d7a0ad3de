"""Refuse QPY that asks for too much, before qiskit reads it.

A few bytes of QPY can name any number of qubits, and qiskit makes each of them.  The headers of a
program say how many circuits, qubits and clbits are coming; they are laid out as in qiskit's
documentation of QPY 13 to 18.  What a circuit nests in itself (bodies of control flow, custom
definitions) is not looked at.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jobset_protocol.errors import CodecError, PayloadTooLargeError, VersionMismatchError

MIN_QPY_VERSION = 13
"""Earlier ones have known flaws in reading: CVE-2025-1403."""
MAX_QPY_VERSION = 18
"""The last one whose headers are laid out as here."""
TABLE_QPY_VERSION = 16
"""From here on a table in front says where each circuit starts."""

FILE_HEADER = struct.Struct("!6sBBBBQc1s")
CIRCUIT_HEADER = struct.Struct("!H1cHIIQIQI")
_OFFSET = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class CircuitLimits:
    """The most that a reader accepts in one blob.

    Args:
        max_bytes: Decompressed bytes.
        max_circuits: Circuits.
        max_qubits: Qubits of one circuit.
        max_clbits: Classical bits of one circuit.
        max_total_bits: Qubits and classical bits of all circuits; each takes some 400 bytes of
            memory.
    """

    max_bytes: int = 256 << 20
    max_circuits: int = 100_000
    max_qubits: int = 10_000
    max_clbits: int = 100_000
    max_total_bits: int = 4_000_000


def check_programs(
    programs: Sequence[bytes | memoryview], limits: CircuitLimits, *, reader_version: int
) -> int:
    """Check every QPY program of a blob by its headers.

    Returns:
        How many circuits the programs hold.

    Raises:
        PayloadTooLargeError: A limit is passed.
        VersionMismatchError: A QPY version that this side does not read.
        CodecError: The headers are damaged.
    """
    circuits = total_bits = 0
    try:
        for program in programs:
            offsets = _circuit_offsets(program, limits, reader_version)
            circuits += len(offsets)
            _check_most("circuits", circuits, limits.max_circuits)
            total_bits += sum(_bits(program, offset, limits) for offset in offsets)
            _check_most("bits in all circuits", total_bits, limits.max_total_bits)
    except struct.error as error:
        raise CodecError(f"stored circuits are damaged: {error}") from error
    return circuits


def _circuit_offsets(
    program: bytes | memoryview, limits: CircuitLimits, reader_version: int
) -> Sequence[int]:
    magic, version, *_, count, _, kind = FILE_HEADER.unpack_from(program)
    if magic != b"QISKIT" or kind != b"q":
        raise CodecError("stored circuits are damaged: this is not QPY of circuits")
    if not MIN_QPY_VERSION <= version <= reader_version:
        raise VersionMismatchError(
            f"stored circuits are QPY {version}, and this side reads {MIN_QPY_VERSION} to "
            f"{reader_version}: bring qiskit to the same version on client and worker"
        )
    # Before a table of that length is read.
    _check_most("circuits", count, limits.max_circuits)
    if version < TABLE_QPY_VERSION:
        # Only the first circuit can be found without reading it.
        if count != 1:
            raise CodecError(f"stored circuits are damaged: {count} circuits without a table")
        return [FILE_HEADER.size]
    offsets: tuple[int, ...] = struct.unpack_from(f"!{count}Q", program, FILE_HEADER.size)
    first = FILE_HEADER.size + count * _OFFSET.size
    if not offsets or offsets[0] != first or any(a >= b for a, b in pairwise(offsets)):
        raise CodecError("stored circuits are damaged: their table is not in order")
    return offsets


def _bits(program: bytes | memoryview, offset: int, limits: CircuitLimits) -> int:
    _, _, _, qubits, clbits, *_ = CIRCUIT_HEADER.unpack_from(program, offset)
    _check_most("qubits in a circuit", qubits, limits.max_qubits)
    _check_most("classical bits in a circuit", clbits, limits.max_clbits)
    return int(qubits + clbits)


def _check_most(what: str, found: int, most: int) -> None:
    if found > most:
        raise PayloadTooLargeError(
            f"stored circuits name {found:,} {what} and the limit is {most:,}: nothing was read"
        )
