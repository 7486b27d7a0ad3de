"""The outer frame of every stored blob: what it is, then its bytes under zstd.

::

    b"JS" | codec id, 1 byte | version, 1 byte | one zstd frame with its size and a checksum

A reader refuses by size before it decompresses, and decompression itself is bounded: neither an
honest bomb nor a frame that lies about its size can take more memory than the cap.
"""

import struct
import sys
import threading

from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.errors import CodecError, PayloadTooLargeError, VersionMismatchError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"JS"
_HEADER = struct.Struct("!2sBB")
_COMPRESSION: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}
# A frame may ask for a window of 128 MB whatever its size; ours needs far less.
_DECOMPRESSION: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}


class _Compressor(threading.local):
    """One compressor a thread: making one costs more than packing a small chunk.

    Thread-local also because a lock that another thread held at a fork would stay held in the
    child.
    """

    def __init__(self) -> None:
        self.zstd = zstd.ZstdCompressor(options=_COMPRESSION)


_compressor = _Compressor()


def pack(codec_id: int, version: int, data: bytes) -> bytes:
    """Compress ``data`` and say in front of it what it is.

    Args:
        codec_id: A :class:`CodecId`.
        version: The codec's version, 1 to 255.
        data: The codec's own bytes.
    """
    compressor = _compressor.zstd
    return _HEADER.pack(MAGIC, codec_id, version) + compressor.compress(
        data, compressor.FLUSH_FRAME
    )


def unpack(blob: bytes, codec_id: int, max_version: int, *, max_bytes: int) -> bytes:
    """Return what :func:`pack` was given.

    Args:
        blob: The whole blob.
        codec_id: What the blob must hold.
        max_version: The highest version that the caller reads.
        max_bytes: Most decompressed bytes.

    Raises:
        VersionMismatchError: The codec or its version is not known here.
        PayloadTooLargeError: It is, or turns out to be, larger than its cap.
        CodecError: It is not a blob of ours, holds something else, or is damaged.
    """
    size_bytes = check(blob, codec_id, max_version, max_bytes=max_bytes)
    try:
        decompressor = zstd.ZstdDecompressor(options=_DECOMPRESSION)
        body = memoryview(blob)[_HEADER.size :]
        data = decompressor.decompress(body, max_length=size_bytes)
    except zstd.ZstdError as error:
        raise CodecError(f"a stored blob is damaged: {error}") from error
    if not decompressor.eof:
        if len(data) == size_bytes and not decompressor.needs_input:
            raise PayloadTooLargeError(
                f"a stored blob claims {size_bytes:,} bytes and holds more: it was tampered with"
            )
        raise CodecError("a stored blob is damaged: its end is missing")
    if len(data) != size_bytes or decompressor.unused_data:
        raise CodecError("a stored blob is damaged: bytes are missing or follow its end")
    return data


def check(blob: bytes, codec_id: int, max_version: int, *, max_bytes: int) -> int:
    """Judge a blob by what it says in front; returns how many bytes it claims to unpack to.

    Raises:
        VersionMismatchError: The codec or its version is not known here.
        PayloadTooLargeError: It is larger than its cap.
        CodecError: It is not a blob of ours, holds something else, or is damaged.
    """
    _check_header(blob, codec_id, max_version)
    size_bytes = unpacked_bytes(blob)
    if size_bytes > max_bytes:
        raise PayloadTooLargeError(
            f"a stored blob unpacks to {size_bytes:,} bytes and the cap is {max_bytes:,}: "
            "use smaller chunks, or raise the cap"
        )
    return size_bytes


def unpacked_bytes(blob: bytes) -> int:
    """Return how many bytes :func:`pack` was given, as the blob states it.

    Raises:
        CodecError: It states nothing: it is not a blob of ours, or is damaged.
    """
    try:
        size_bytes = zstd.get_frame_info(memoryview(blob)[_HEADER.size :]).decompressed_size
    except zstd.ZstdError as error:
        raise CodecError(f"a stored blob is damaged: {error}") from error
    if size_bytes is None:
        raise CodecError("a stored blob does not state its size: it was not written by Jobset")
    return size_bytes


def _check_header(blob: bytes, codec_id: int, max_version: int) -> None:
    if len(blob) < _HEADER.size or not blob.startswith(MAGIC):
        raise CodecError("these bytes are not a stored blob of Jobset")
    _, found_id, version = _HEADER.unpack_from(blob)
    if found_id not in CodecId.__members__.values():
        raise VersionMismatchError(
            f"a stored blob has the unknown codec {found_id}: it was written by a newer Jobset; "
            "upgrade this side"
        )
    if found_id != codec_id:
        raise CodecError(
            f"a stored blob holds {CodecId(found_id).name}, not {CodecId(codec_id).name}"
        )
    if not 1 <= version <= max_version:
        raise VersionMismatchError(
            f"a stored blob has version {version} of {CodecId(codec_id).name}, and this side reads "
            f"1 to {max_version}: upgrade it"
        )
