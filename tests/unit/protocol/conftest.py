"""Stores for large blobs, on fsspec's two filesystems that need no server."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from jobset_protocol.store.blobs import BlobStore
from tests.unit.protocol.blob_support import THRESHOLD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shared folder, which an operator made."""
    path = tmp_path / "blobs"
    path.mkdir()
    return path


@pytest.fixture
def on_disk(folder: Path) -> BlobStore:
    """Blobs in that folder."""
    return BlobStore(folder.as_uri(), threshold_bytes=THRESHOLD)


@pytest.fixture(params=["file", "memory"])
def blobs(request: pytest.FixtureRequest, on_disk: BlobStore) -> Iterator[BlobStore]:
    """Blobs in a folder, and in memory."""
    if request.param == "file":
        yield on_disk
        return
    base = f"/{uuid.uuid4().hex}"
    yield BlobStore(f"memory:/{base}", threshold_bytes=THRESHOLD)
    memory = fsspec.filesystem("memory")
    if memory.exists(base):
        memory.rm(base, recursive=True)
