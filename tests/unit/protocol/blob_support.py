"""What the tests of large blobs share."""

import hashlib
from pathlib import Path
from typing import Any

import msgpack

from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.blob_pointer import MAGIC
from jobset_protocol.store.blobs import BlobStore

KEY = ChunkKey("0123456789abcdef" * 2, 7)
THRESHOLD = 100
LARGE = b"JS" + bytes(range(256)) * 4


def files(folder: Path) -> list[Path]:
    """Return every file, however deep."""
    return [path for path in folder.rglob("*") if path.is_file()]


def stored_on_disk(on_disk: BlobStore, folder: Path) -> tuple[bytes, Path]:
    """Store the large blob; return its pointer and its file."""
    stored = on_disk.externalise(LARGE, KEY, "result")
    [path] = files(folder)
    return stored, path


def forged(**changes: Any) -> bytes:
    """Return a pointer in which fields are changed; ``None`` leaves one out."""
    document = {
        "name": f"{KEY.set_id}/7-result-{'0' * 32}",
        "size_bytes": len(LARGE),
        "sha256": hashlib.sha256(LARGE).digest(),
        **changes,
    }
    packed = {name: value for name, value in document.items() if value is not None}
    return MAGIC + b"\x01" + bytes(msgpack.packb(packed))
