"""Export a job set to one file: a zip that holds everything the store knows of it.

Circuits and results are written as they lie in the store, chunk by chunk, so that a set of any
size takes the memory of one chunk and of what is known of a thousand.  What an archive holds is in
:mod:`jobset_client.archive_manifest`; :mod:`jobset_client.archive_reader` reads it.
"""

import hashlib
import os
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jobset_client.archive_chunk import MAX_BLOB_BYTES, ArchivedChunk, Digest
from jobset_client.archive_manifest import FORMAT, VERSION, ArchivedSet, Manifest
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidStateError,
    PayloadTooLargeError,
    StoreLostError,
)
from jobset_protocol.messages import ChunkKey, ChunkRecord, SetRecord
from jobset_protocol.store.base import SetStore

PAGE_CHUNKS = 1000
MAX_PAGE_BYTES = 256 << 20
"""Most bytes of what is said of one page's chunks."""
MAX_MANIFEST_BYTES = 512 << 20


def export_set(store: SetStore, record: SetRecord, path: str | os.PathLike[str]) -> None:
    """Write a set to a file, which appears when it is complete; an older one is replaced.

    Args:
        store: Where the set is.
        record: The set.
        path: The file.

    Raises:
        InvalidStateError: A chunk is not final, or the set changed meanwhile.
        JobSetNotFoundError: The set is gone from the store.
        ConfigurationError: The file cannot be written.
    """
    with replaced_file(Path(path)) as file:
        write_archive(store, record, file)


def write_archive(store: SetStore, record: SetRecord, file: IO[bytes]) -> Manifest:
    """Write a set's archive to a file that need not be seekable; returns what it says."""
    statuses = store.statuses(record.set_id)
    # As it is now: chunks may have been halved since the record was read.
    record = store.set_record(record.set_id)
    if not record.sealed or not all(status.is_final for status in statuses):
        raise InvalidStateError(
            f"job set {record.name!r} has chunks that are not final: export it after its end"
        )
    with zipfile.ZipFile(file, "w") as archive:
        writer = _Writer(store, record, archive)
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            job_set=ArchivedSet.of(record),
            statuses="".join(status.code for status in statuses),
            options=writer.write("options", encode_document(dict(record.options))),
            names=writer.write_names(),
            pages=writer.write_pages(),
        )
        writer.write("manifest.json", manifest.model_dump_json().encode(), MAX_MANIFEST_BYTES)
    if store.statuses(record.set_id) != statuses:
        raise InvalidStateError(f"job set {record.name!r} changed meanwhile: export it again")
    return manifest


class _Writer:
    def __init__(self, store: SetStore, record: SetRecord, archive: zipfile.ZipFile) -> None:
        self._store = store
        self._record = record
        self._archive = archive

    def write(self, name: str, data: bytes, max_bytes: int = MAX_BLOB_BYTES) -> Digest:
        """Write a member; JSON is compressed, blobs are already."""
        _require_small(len(data), max_bytes, name)
        compression = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
        self._archive.writestr(zipfile.ZipInfo(name), data, compression)
        return digest_of(data)

    def write_names(self) -> tuple[Digest, ...]:
        """Write the lists of names; returns the digest of each."""
        blobs = self._store.names(self._record.set_id)
        with self._open("names") as member:
            return tuple(self._append(member, blob, "names") for blob in blobs)

    def write_pages(self) -> tuple[Digest, ...]:
        """Write all chunks; returns the digest of each page's description."""
        count = self._record.chunk_count
        pages = (
            range(first, min(first + PAGE_CHUNKS, count)) for first in range(0, count, PAGE_CHUNKS)
        )
        return tuple(self._write_page(number, page) for number, page in enumerate(pages))

    def _write_page(self, number: int, indices: range) -> Digest:
        chunks = self._store.chunks(ChunkKey(self._record.set_id, index) for index in indices)
        with self._open(f"chunks/{number}.bin") as member:
            archived = [self._write_chunk(member, chunk) for chunk in chunks]
        lines = ",\n".join(chunk.model_dump_json() for chunk in archived)
        return self.write(f"chunks/{number}.json", f"[{lines}]".encode(), MAX_PAGE_BYTES)

    def _write_chunk(self, member: IO[bytes], chunk: ChunkRecord) -> ArchivedChunk:
        payload = self._payload(chunk.key)
        [result] = self._store.results([chunk.key])
        return ArchivedChunk.of(
            chunk,
            None if payload is None else self._append(member, payload, f"chunk {chunk.key.index}"),
            None if result is None else self._append(member, result, f"chunk {chunk.key.index}"),
        )

    def _payload(self, key: ChunkKey) -> bytes | None:
        if key.index in self._record.parts:
            return None
        try:
            return self._store.payload(key)
        except StoreLostError:
            # Never sent.
            return None

    def _open(self, name: str) -> IO[bytes]:
        return self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True)

    @staticmethod
    def _append(member: IO[bytes], blob: bytes, what: str) -> Digest:
        _require_small(len(blob), MAX_BLOB_BYTES, what)
        member.write(blob)
        return digest_of(blob)


def digest_of(data: bytes) -> Digest:
    """Return which bytes these are."""
    return Digest(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file under another name, which becomes ``path`` when the block ends well.

    Raises:
        ConfigurationError: It cannot be written there.
    """
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}")
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except ConnectionError:
        raise
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def _require_small(size_bytes: int, max_bytes: int, what: str) -> None:
    if size_bytes > max_bytes:
        raise PayloadTooLargeError(
            f"{what} has {size_bytes:,} bytes, and {max_bytes:,} fit in an archive: use smaller "
            "chunks"
        )
