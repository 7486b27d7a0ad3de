"""What the store holds in the place of a blob that is in a file: which file, how long, its digest.

::

    b"JP" | version, 1 byte | msgpack of name, size_bytes, sha256

It says where below the configured folder the file is, and never which folder or server: whoever
can write to the store cannot make a worker or a client read from a place of his choice.
"""

import struct
from typing import Annotated

import msgpack
from pydantic import BaseModel, ConfigDict, Field

from jobset_protocol.errors import CodecError, VersionMismatchError

MAGIC = b"JP"
"""The codecs' frames begin with another one."""
VERSION = 1
MAX_POINTER_BYTES = 512
_HEADER = struct.Struct("!2sB")

FileName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}/[0-9]{1,7}-(payload|result)-[0-9a-f]{32}$")]
"""Folder of the set, then chunk, part and the first half of the digest: nothing climbs out."""


class BlobPointer(BaseModel):
    """A file below the configured folder.

    Args:
        name: Its path in there.
        size_bytes: Its length.
        sha256: The digest of all its bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: FileName
    size_bytes: int = Field(ge=1)
    sha256: bytes = Field(min_length=32, max_length=32)

    def pack(self) -> bytes:
        """Return the bytes for the store."""
        packed: bytes = msgpack.packb(self.model_dump())
        return _HEADER.pack(MAGIC, VERSION) + packed


def is_pointer(stored: bytes) -> bool:
    """Tell a pointer from a blob.

    >>> is_pointer(b"JS...")
    False
    """
    return stored.startswith(MAGIC)


def read_pointer(stored: bytes) -> BlobPointer:
    """Read what :meth:`BlobPointer.pack` wrote.

    Raises:
        VersionMismatchError: A newer Jobset wrote it.
        CodecError: It is no pointer, is damaged, or names what no blob is called.
    """
    if len(stored) < _HEADER.size or len(stored) > MAX_POINTER_BYTES or not is_pointer(stored):
        raise CodecError("these bytes do not point to a file of Jobset")
    _, version = _HEADER.unpack_from(stored)
    if version != VERSION:
        raise VersionMismatchError(
            f"a stored blob points to its file in version {version}, and this side reads "
            f"{VERSION}: upgrade it"
        )
    try:
        return BlobPointer.model_validate(msgpack.unpackb(stored[_HEADER.size :]))
    except ValueError as error:
        raise CodecError("a stored blob's pointer to its file is damaged or was forged") from error


def stated_bytes(stored: bytes | None) -> int:
    """Return how many bytes a blob has, wherever it is; 0 for none."""
    if stored is None:
        return 0
    return read_pointer(stored).size_bytes if is_pointer(stored) else len(stored)
