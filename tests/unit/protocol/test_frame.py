"""The outer frame: what it refuses, and that refusing costs no memory."""

import struct
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.frame import pack, unpack
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.errors import CodecError, PayloadTooLargeError, VersionMismatchError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GIGABYTE = 1 << 30
MEGABYTE = 1 << 20
PREFIX = b"JS\x02\x01"


@cache
def bomb(*, states_size: bool = True) -> bytes:
    """A gigabyte of zeros in some 30 kB."""
    compressor = zstd.ZstdCompressor(level=1)
    if states_size:
        compressor.set_pledged_input_size(GIGABYTE)
    block = bytes(16 * MEGABYTE)
    parts = [compressor.compress(block) for _ in range(GIGABYTE // len(block))]
    return PREFIX + b"".join(parts) + compressor.flush()


def lying_bomb(claimed_bytes: int) -> bytes:
    """The same bomb, with a header that claims less."""
    blob = bytearray(bomb())
    size_offset = len(PREFIX) + 6  # behind zstd's magic, descriptor and window
    assert struct.unpack_from("<I", blob, size_offset) == (GIGABYTE,)
    struct.pack_into("<I", blob, size_offset, claimed_bytes)
    return bytes(blob)


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@settings(deadline=None)
@given(st.binary(max_size=2000), st.sampled_from(list(CodecId)))
def test_what_was_packed_comes_back(data: bytes, codec_id: CodecId) -> None:
    blob = pack(codec_id, 1, data)
    assert unpack(blob, codec_id, 1, max_bytes=len(data)) == data


def test_threads_may_pack_at_the_same_time() -> None:
    datas = [bytes([index]) * 50_000 for index in range(100)]
    with ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(partial(pack, CodecId.DOCUMENT, 1), datas))
    assert [unpack(blob, CodecId.DOCUMENT, 1, max_bytes=50_000) for blob in blobs] == datas


def test_every_codec_has_a_version_that_fits_its_byte() -> None:
    assert set(VERSIONS) == set(CodecId)
    assert all(1 <= version <= 255 for version in VERSIONS.values())


def test_a_blob_above_its_cap_is_refused_with_the_numbers() -> None:
    blob = pack(CodecId.DOCUMENT, 1, bytes(1001))
    with pytest.raises(PayloadTooLargeError, match=r"1,001 bytes and the cap is 1,000"):
        unpack(blob, CodecId.DOCUMENT, 1, max_bytes=1000)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    blob = bomb()

    def refuse() -> None:
        with pytest.raises(PayloadTooLargeError):
            unpack(blob, CodecId.DOCUMENT, 1, max_bytes=MEGABYTE)

    assert peak_bytes(refuse) < MEGABYTE


@pytest.mark.parametrize(
    ("claimed_bytes", "error"), [(1000, CodecError), (1_000_000, PayloadTooLargeError)]
)
def test_a_bomb_that_lies_about_its_size_gets_no_more_than_it_claims(
    claimed_bytes: int, error: type[CodecError]
) -> None:
    blob = lying_bomb(claimed_bytes)

    def refuse() -> None:
        with pytest.raises(error):
            unpack(blob, CodecId.DOCUMENT, 1, max_bytes=MEGABYTE)

    assert peak_bytes(refuse) < 2 * MEGABYTE


def test_a_bomb_that_states_no_size_is_refused() -> None:
    with pytest.raises(CodecError, match="does not state its size"):
        unpack(bomb(states_size=False), CodecId.DOCUMENT, 1, max_bytes=MEGABYTE)


def test_a_frame_that_asks_for_a_huge_window_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    compressor = zstd.ZstdCompressor(options=options)
    compressor.set_pledged_input_size(GIGABYTE)
    blob = PREFIX + compressor.compress(bytes(1000), compressor.FLUSH_BLOCK)
    with pytest.raises(CodecError):
        unpack(blob, CodecId.DOCUMENT, 1, max_bytes=2 * GIGABYTE)


def test_an_unknown_codec_asks_for_an_upgrade() -> None:
    with pytest.raises(VersionMismatchError, match="unknown codec 200"):
        unpack(pack(200, 1, b"data"), CodecId.DOCUMENT, 1, max_bytes=100)


@pytest.mark.parametrize("version", [0, 2])
def test_an_unknown_version_asks_for_an_upgrade(version: int) -> None:
    blob = pack(CodecId.DOCUMENT, version, b"data")
    with pytest.raises(VersionMismatchError, match=f"version {version} of DOCUMENT"):
        unpack(blob, CodecId.DOCUMENT, 1, max_bytes=100)


def test_a_blob_of_another_codec_is_named() -> None:
    with pytest.raises(CodecError, match="holds RESULT, not CIRCUITS"):
        unpack(pack(CodecId.RESULT, 1, b"data"), CodecId.CIRCUITS, 1, max_bytes=100)


@pytest.mark.parametrize("garbage", [b"", b"J", b"JS\x02", b"{}", b"QISKIT\x12", b"JS\x02\x01"])
def test_garbage_is_a_codec_error(garbage: bytes) -> None:
    with pytest.raises(CodecError):
        unpack(garbage, CodecId.DOCUMENT, 1, max_bytes=100)


def test_every_truncation_is_noticed() -> None:
    blob = pack(CodecId.DOCUMENT, 1, b"some data, " * 20)
    for length in range(len(blob)):
        with pytest.raises(CodecError):
            unpack(blob[:length], CodecId.DOCUMENT, 1, max_bytes=1000)


def test_bytes_after_the_end_are_noticed() -> None:
    blob = pack(CodecId.DOCUMENT, 1, b"data")
    with pytest.raises(CodecError, match="follow its end"):
        unpack(blob + blob, CodecId.DOCUMENT, 1, max_bytes=1000)


def test_no_flipped_bit_changes_the_data_in_silence() -> None:
    data = b"some data, " * 20
    blob = pack(CodecId.DOCUMENT, 1, data)
    for place, bit in product(range(len(blob)), range(8)):
        damaged = bytearray(blob)
        damaged[place] ^= 1 << bit
        try:
            assert unpack(bytes(damaged), CodecId.DOCUMENT, 1, max_bytes=1000) == data
        except CodecError:
            continue


def test_the_magic_bytes_are_what_stored_blobs_begin_with() -> None:
    assert pack(CodecId.CIRCUITS, 1, b"").startswith(frame.MAGIC + b"\x01\x01")
