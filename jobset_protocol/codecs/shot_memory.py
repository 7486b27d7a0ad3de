"""The outcomes of single shots, packed: ``["0x0", "0x1f", …]``.

Two forms, of which the writer takes the first that fits:

- up to 256 distinct outcomes: those outcomes, and one byte a shot that says which; zstd then
  shrinks the bytes to no more bits than the register has;
- more: each shot's integer in as many bits as the widest one needs, without gaps.
"""

from typing import Any

import msgpack
import numpy as np

from jobset_protocol.errors import CodecError

_MAX_DISTINCT = 256
# More than 256 outcomes need 9 bits.  A reader insists on it: at one bit a shot, a small blob
# could unpack to very many strings.
_MIN_WIDTH_BITS = 9
_MAX_WIDTH_BITS = 1 << 20


def pack_shot_memory(memory: Any) -> bytes | None:
    """Write a list of outcomes; ``None`` when it is something else, such as level-1 data.

    >>> unpack_shot_memory(pack_shot_memory(["0x1", "0x0", "0x1"]))
    ['0x1', '0x0', '0x1']
    >>> pack_shot_memory([[0.5, 0.5]]) is None
    True
    """
    distinct = _distinct_outcomes(memory)
    if distinct is None:
        return None
    form: tuple[Any, ...]
    if len(distinct) <= _MAX_DISTINCT:
        places = {outcome: place for place, outcome in enumerate(distinct)}
        form = (list(distinct), bytes(map(places.__getitem__, memory)))
    elif all(map(_is_plain_hex, distinct)):
        form = _to_bits([int(outcome, 16) for outcome in memory])
    else:
        return None
    packed: bytes = msgpack.packb(form)
    return packed


def unpack_shot_memory(data: bytes) -> list[str]:
    """Read what :func:`pack_shot_memory` wrote.

    Raises:
        CodecError: It is damaged.
    """
    try:
        fields = msgpack.unpackb(data)
        if len(fields) == 2:
            distinct, places = fields
            return list(map(distinct.__getitem__, places))
        return _from_bits(*fields)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"a stored shot memory is damaged: {error}") from error


def _distinct_outcomes(memory: Any) -> dict[str, None] | None:
    if not isinstance(memory, list):
        return None
    try:
        distinct = dict.fromkeys(memory)
    except TypeError:  # level-1 data: lists do not hash
        return None
    return distinct if all(type(outcome) is str for outcome in distinct) else None


def _is_plain_hex(outcome: str) -> bool:
    try:
        return hex(int(outcome, 16)) == outcome and outcome[0] != "-"
    except ValueError:
        return False


def _to_bits(values: list[int]) -> tuple[int, int, bytes]:
    width_bits = max(values).bit_length()
    row_bytes = -(-width_bits // 8)
    rows = b"".join([value.to_bytes(row_bytes, "big") for value in values])
    bits = np.unpackbits(np.frombuffer(rows, np.uint8).reshape(-1, row_bytes), axis=1)
    return len(values), width_bits, np.packbits(bits[:, -width_bits:]).tobytes()


def _from_bits(shots: int, width_bits: int, packed: bytes) -> list[str]:
    if not _MIN_WIDTH_BITS <= width_bits <= _MAX_WIDTH_BITS:
        raise CodecError(f"a stored shot memory claims outcomes of {width_bits} bits")
    if len(packed) != -(-shots * width_bits // 8):
        raise CodecError(f"a stored shot memory does not hold its {shots} shots")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=shots * width_bits)
    row_bytes = -(-width_bits // 8)
    padded = np.pad(bits.reshape(shots, width_bits), ((0, 0), (row_bytes * 8 - width_bits, 0)))
    rows = np.packbits(padded, axis=1).tobytes()
    starts = range(0, len(rows), row_bytes)
    return [hex(int.from_bytes(rows[start : start + row_bytes], "big")) for start in starts]
