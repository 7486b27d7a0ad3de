"""QPY of plain circuits through qiskit's C interface, several times as fast as ``qpy.dump``.

``qpy.dump`` looks up three modules for each instruction.  :mod:`qiskit.capi`, where qiskit has it,
writes the same bytes, but knows nothing of what only ``QuantumCircuit`` holds: the name and the
metadata are put into the program here.  Circuits with a layout, or with anything but qiskit's
standard instructions and barriers, are left to ``qpy.dump``.
"""

import ctypes
import json
import struct
from collections.abc import Sequence

from qiskit import QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

from jobset_protocol.codecs.circuit_limits import CIRCUIT_HEADER, FILE_HEADER

try:
    from qiskit import capi
except ImportError:
    capi = None

_OFFERED = capi is not None and hasattr(capi, "qk_qpy_dump_buffer_with_version")
_PLAIN = frozenset(get_standard_gate_name_mapping()) | {"barrier"}


def dump_plain(
    circuits: Sequence[QuantumCircuit], version: int, metadata_serializer: type[json.JSONEncoder]
) -> bytes | None:
    """Return what ``qpy.dump`` would write, byte for byte; ``None`` where only that can.

    Raises:
        TypeError, ValueError, RecursionError: Metadata is not JSON.
    """
    if not _OFFERED or version < capi.qk_qpy_write_min_version():
        return None
    if not all(_is_plain(circuit) for circuit in circuits):
        return None
    program = _dumped(circuits, version)
    if program is None:
        return None
    headings = [
        (
            circuit.name.encode(),
            json.dumps(circuit.metadata, separators=(",", ":"), cls=metadata_serializer).encode(),
        )
        for circuit in circuits
    ]
    return _headed(program, headings)


def _is_plain(circuit: QuantumCircuit) -> bool:
    return circuit.layout is None and _PLAIN.issuperset(circuit.count_ops())


def _dumped(circuits: Sequence[QuantumCircuit], version: int) -> bytes | None:
    pointers = [capi.qk_circuit_borrow_from_python(circuit._data) for circuit in circuits]
    array = (ctypes.POINTER(capi.QkCircuit) * len(pointers))(*pointers)
    buffer, size = ctypes.POINTER(ctypes.c_uint8)(), ctypes.c_size_t()
    failed = capi.qk_qpy_dump_buffer_with_version(
        array, len(pointers), ctypes.byref(buffer), ctypes.byref(size), version, None
    )
    if failed:
        return None
    try:
        return ctypes.string_at(buffer, size.value)
    finally:
        capi.qk_qpy_free_buffer(buffer, size)


def _headed(program: bytes, headings: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Put each circuit's name and metadata where they belong, and mend the table in front."""
    starts = struct.unpack_from(f"!{len(headings)}Q", program, FILE_HEADER.size)
    ends = (*starts[1:], len(program))
    position = starts[0]
    offsets: list[int] = []
    parts: list[bytes] = []
    for start, end, (name, metadata) in zip(starts, ends, headings, strict=True):
        old_name_size, phase_type, phase_size, qubits, clbits, old_metadata_size, *sizes = (
            CIRCUIT_HEADER.unpack_from(program, start)
        )
        header = CIRCUIT_HEADER.pack(
            len(name), phase_type, phase_size, qubits, clbits, len(metadata), *sizes
        )
        phase_start = start + CIRCUIT_HEADER.size + old_name_size
        phase_end = phase_start + phase_size
        phase, rest = program[phase_start:phase_end], program[phase_end + old_metadata_size : end]
        offsets.append(position)
        position += len(header) + len(name) + phase_size + len(metadata) + len(rest)
        parts += (header, name, phase, metadata, rest)
    table = struct.pack(f"!{len(offsets)}Q", *offsets)
    return b"".join((program[: FILE_HEADER.size], table, *parts))
