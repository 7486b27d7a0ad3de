"""Plain and numeric values as bytes: run options, names, and what else is no circuit.

msgpack with the extensions of :mod:`jobset_protocol.codecs.extensions`.  What comes back is equal
to what was given, tuples and arrays included; numpy scalars come back as plain Python values.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.extensions import pack_values, unpack_values
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.errors import CodecError

MAX_DOCUMENT_BYTES = 64 << 20
_UNSTORABLE = (TypeError, ValueError, OverflowError, RecursionError)
_MAX_PATH_STEPS = 100


def encode_document(value: Any) -> bytes:
    """Write a value.

    Raises:
        CodecError: It holds something that cannot be stored; says what and where.

    >>> decode_document(encode_document({"shots": 1024, "scale": 1j, "pair": (1, 2)}))
    {'shots': 1024, 'scale': 1j, 'pair': (1, 2)}
    """
    return frame.pack(CodecId.DOCUMENT, VERSIONS[CodecId.DOCUMENT], pack_document(value))


def decode_document(blob: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> Any:
    """Read what :func:`encode_document` wrote.

    Args:
        blob: The whole blob.
        max_bytes: Most decompressed bytes.

    Raises:
        PayloadTooLargeError: It is larger than ``max_bytes``.
        VersionMismatchError: A newer Jobset wrote it.
        CodecError: It is not a document, or is damaged.
    """
    version = VERSIONS[CodecId.DOCUMENT]
    return unpack_values(frame.unpack(blob, CodecId.DOCUMENT, version, max_bytes=max_bytes))


def pack_document(value: Any) -> bytes:
    """Write a value without the frame, for a codec that has its own.

    Raises:
        CodecError: It holds something that cannot be stored; says what and where.
    """
    try:
        return pack_values(value)
    except _UNSTORABLE as error:
        path, reason = _find_offender(value, error)
        where = f"the value at {path}" if path else "the value"
        raise CodecError(f"cannot encode {where}: {reason}") from error


def _find_offender(value: Any, error: Exception) -> tuple[str, Exception]:
    """Return the path of the innermost value that cannot be stored, and why."""
    path = ""
    outer: set[int] = set()
    for _ in range(_MAX_PATH_STEPS):
        outer.add(id(value))
        for step, child in _children(value):
            if id(child) in outer:  # a list may hold itself
                continue
            try:
                pack_values(child)
            except _UNSTORABLE as child_error:
                path, value, error = path + step, child, child_error
                break
        else:
            break
    return path, error


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield f".keys()[{key!r:.80}]", key
            yield f"[{key!r:.80}]", child
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield f"[{index}]", child
