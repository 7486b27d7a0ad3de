"""What msgpack lacks: each type's extension code, its bytes, and how they are read.

Codes are stored and never reused.  No extension names a class or a module to import: reading a
blob can build the types of this file and no others.

Some types are flattened on purpose: a numpy scalar comes back as the plain Python value, a
mapping as a ``dict``, a subclass of ``list``, ``str``, ``int`` or ``float`` as the built-in, and
an enum as its plain value, or as its name when the value is not plain.  ``JobStatus`` stays an
enum, since providers put it into results.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any

import msgpack
import numpy as np
from qiskit.providers import JobStatus

from jobset_protocol.codecs.arrays import pack_array, unpack_array
from jobset_protocol.codecs.quantum_objects import (
    QUANTUM_TYPES,
    pack_quantum_object,
    unpack_quantum_object,
)
from jobset_protocol.codecs.shot_memory import unpack_shot_memory
from jobset_protocol.errors import CodecError

# Each level runs a parser of its own, with some 40 kB on the C stack: a blob may not overflow it.
MAX_NESTED_TUPLES = 16

_COMPLEX = struct.Struct("<dd")


class ExtensionCode(IntEnum):
    """The codes of msgpack extensions in our blobs."""

    COMPLEX = 1
    TUPLE = 2
    ARRAY = 3
    DATETIME = 4
    BIG_INTEGER = 5
    JOB_STATUS = 6
    QUANTUM_OBJECT = 7
    SHOT_MEMORY = 8
    """Written by the result codec, which knows where a memory is."""


def pack_values(value: Any) -> bytes:
    """Write a value as msgpack with our extensions.

    Raises:
        TypeError, ValueError, OverflowError: It holds something that cannot be stored.
    """
    return _Writer().write(value)


def unpack_values(data: bytes) -> Any:
    """Read what :func:`pack_values` wrote.

    Raises:
        CodecError: The bytes are not ours, or are damaged.
    """
    try:
        return _Reader().read(data)
    except (ValueError, TypeError, struct.error, RecursionError) as error:
        # ValueError is also msgpack's own, and a lone surrogate's.
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"a stored document is damaged: {error}") from error


class _Writer:
    """One document on its way out; counts how deep tuples nest."""

    def __init__(self) -> None:
        self._depth = 0

    def write(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(value, default=self._replace, strict_types=True)
        return packed

    def _replace(self, value: Any) -> Any:
        """Return what msgpack can write in place of a value that it cannot."""
        if isinstance(value, Enum):
            return _replace_enum(value)
        if isinstance(value, np.bool_ | np.number | np.str_ | np.bytes_):
            value = value.item()
            if type(value) in (bool, int, float, str, bytes):
                return value
        if isinstance(value, tuple):
            return msgpack.ExtType(ExtensionCode.TUPLE, self._tuple(value))
        for base, code, pack in _PACKERS:
            if isinstance(value, base):
                return msgpack.ExtType(code, pack(value))
        return _flatten(value)

    def _tuple(self, value: tuple[Any, ...]) -> bytes:
        if self._depth == MAX_NESTED_TUPLES:
            raise ValueError(f"more than {MAX_NESTED_TUPLES} tuples within each other")
        self._depth += 1
        try:
            return self.write(list(value))
        finally:
            self._depth -= 1


class _Reader:
    """One document on its way in; counts how deep tuples nest."""

    def __init__(self) -> None:
        self._depth = 0

    def read(self, data: bytes) -> Any:
        # No limits are named: msgpack refuses what claims more elements than there are bytes.
        return msgpack.unpackb(data, ext_hook=self._extension, strict_map_key=False)

    def _extension(self, code: int, data: bytes) -> Any:
        if code == ExtensionCode.TUPLE:
            return self._tuple(data)
        unpack = _UNPACKERS.get(code)
        if unpack is None:
            raise CodecError(
                f"a stored document has the unknown type {code}: it was written by a newer "
                "Jobset, or is damaged"
            )
        return unpack(data)

    def _tuple(self, data: bytes) -> tuple[Any, ...]:
        if self._depth == MAX_NESTED_TUPLES:
            raise CodecError(f"a stored document nests more than {MAX_NESTED_TUPLES} tuples")
        self._depth += 1
        try:
            return tuple(self.read(data))
        finally:
            self._depth -= 1


def _replace_enum(value: Enum) -> Any:
    if isinstance(value, JobStatus):
        return msgpack.ExtType(ExtensionCode.JOB_STATUS, value.name.encode())
    return value.value if type(value.value) in (str, int, float, bool) else value.name


def _flatten(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        return list(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        plain = int(value)
        if -(1 << 63) <= plain < 1 << 64:
            return plain
        return msgpack.ExtType(ExtensionCode.BIG_INTEGER, _pack_integer(plain))
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} cannot be stored")


def _pack_integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


_PACKERS: tuple[tuple[Any, ExtensionCode, Callable[[Any], bytes]], ...] = (
    (complex, ExtensionCode.COMPLEX, lambda value: _COMPLEX.pack(value.real, value.imag)),
    (np.ndarray, ExtensionCode.ARRAY, pack_array),
    (datetime, ExtensionCode.DATETIME, lambda value: value.isoformat().encode()),
    (QUANTUM_TYPES, ExtensionCode.QUANTUM_OBJECT, pack_quantum_object),
)


def _job_status(data: bytes) -> JobStatus:
    try:
        return JobStatus[data.decode()]
    except KeyError as error:
        raise CodecError(f"{data[:80]!r} is not a job status") from error


_UNPACKERS: Mapping[int, Callable[[bytes], Any]] = {
    ExtensionCode.COMPLEX: lambda data: complex(*_COMPLEX.unpack(data)),
    ExtensionCode.ARRAY: unpack_array,
    ExtensionCode.DATETIME: lambda data: datetime.fromisoformat(data.decode()),
    ExtensionCode.BIG_INTEGER: lambda data: int.from_bytes(data, "big", signed=True),
    ExtensionCode.JOB_STATUS: _job_status,
    ExtensionCode.QUANTUM_OBJECT: unpack_quantum_object,
    ExtensionCode.SHOT_MEMORY: unpack_shot_memory,
}
