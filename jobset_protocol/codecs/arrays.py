"""Numpy arrays as bytes: dtype and shape in front, then the elements in C order.

Kinds that hold Python objects, or need code to be read, are refused both ways.
"""

import math
import struct
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from jobset_protocol.errors import CodecError

_KINDS = frozenset("?biufcSU")
_MAX_DTYPE_LENGTH = 24
_HEADER_LENGTH = struct.Struct("<H")


def pack_array(array: NDArray[Any]) -> bytes:
    """Write an array of numbers, booleans or fixed-width text.

    Raises:
        TypeError: The elements are objects, records or times, or some are masked.
    """
    if array.dtype.kind not in _KINDS or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"an array of {array.dtype} ({type(array).__name__}) cannot be stored")
    header: bytes = msgpack.packb((array.dtype.str, array.shape))
    return _HEADER_LENGTH.pack(len(header)) + header + array.tobytes()


def unpack_array(data: bytes) -> NDArray[Any]:
    """Read what :func:`pack_array` wrote, as a writable array.

    Raises:
        CodecError: The dtype is not allowed, or shape and length disagree.
    """
    try:
        (header_length,) = _HEADER_LENGTH.unpack_from(data)
        start = _HEADER_LENGTH.size + header_length
        dtype_text, shape = msgpack.unpackb(data[_HEADER_LENGTH.size : start])
        dtype = _dtype(dtype_text)
        if dtype.itemsize * math.prod(shape) != len(data) - start:
            raise CodecError(f"an array of shape {shape} does not fit into its bytes")
        return np.frombuffer(data, dtype, offset=start).reshape(shape).copy()
    except (ValueError, TypeError, struct.error) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"an array is damaged: {error}") from error


def _dtype(text: object) -> np.dtype[Any]:
    if isinstance(text, str) and len(text) <= _MAX_DTYPE_LENGTH:
        dtype = np.dtype(text)
        if dtype.kind in _KINDS and dtype.itemsize > 0:
            return dtype
    raise CodecError(f"an array of {str(text)[:80]!r} is not accepted")
