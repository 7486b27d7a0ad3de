"""Import an archive that :mod:`jobset_client.archive` wrote, or somebody else did.

Nothing in it is believed: sizes are checked before anything is read, every number and every id
against what it may be, every byte against its digest, and every blob by its header.  No name from
inside is ever a path.  Circuits and results are decoded only when they are looked at, by the
codecs, which have their own limits.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Self, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from jobset_client.archive import (
    MAX_MANIFEST_BYTES,
    MAX_PAGE_BYTES,
    PAGE_CHUNKS,
    digest_of,
    write_archive,
)
from jobset_client.archive_chunk import ArchivedChunk, Digest
from jobset_client.archive_manifest import FORMAT, VERSION, Manifest
from jobset_protocol.codecs import frame
from jobset_protocol.codecs.circuit_limits import CircuitLimits
from jobset_protocol.codecs.document import MAX_DOCUMENT_BYTES, decode_document
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.codecs.result import MAX_RESULT_BYTES
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    InvalidStateError,
    JobSetError,
    JobSetNotFoundError,
    PayloadTooLargeError,
    VersionMismatchError,
)
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import SetStore, StoredChunk

_MAX_DIRECTORY_BYTES = 4 << 20
_CAPS = {
    CodecId.CIRCUITS: CircuitLimits().max_bytes,
    CodecId.DOCUMENT: MAX_DOCUMENT_BYTES,
    CodecId.RESULT: MAX_RESULT_BYTES,
}
_PAGE = TypeAdapter(list[ArchivedChunk])
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for files that are damaged, encrypted, or made to hurt."""
T = TypeVar("T")


def import_set(store: SetStore, path: str | os.PathLike[str]) -> SetRecord:
    """Read a set from a file; one that is there already, in all its bytes, is left as it is.

    Args:
        store: Where the set goes.
        path: The file.

    Raises:
        InvalidStateError: The store has another set with this id.
        PayloadTooLargeError: Something in it is larger than its cap.
        VersionMismatchError: A newer Jobset wrote it.
        CodecError: It is no archive of Jobset, or damaged.
        ConfigurationError: The file cannot be read.
    """
    with _opened(Path(path)) as file, _broken_as_codec_errors(path), _Reader.of(file) as reader:
        record = reader.record()
        if not _is_there(store, record, reader.manifest):
            store.import_set(record, reader.names(), reader.chunks())
    return store.set_record(record.set_id)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
    with file:
        yield file


@contextmanager
def _broken_as_codec_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except JobSetError:
        raise
    except _BROKEN as error:
        reason = str(error)[:500] or type(error).__name__
        raise CodecError(f"{path} is not an archive of Jobset, or is damaged: {reason}") from error


def _is_there(store: SetStore, record: SetRecord, manifest: Manifest) -> bool:
    """Tell whether the store has this very set.

    Raises:
        InvalidStateError: It has another one with the same id.
    """
    try:
        found = store.set_record(record.set_id)
    except JobSetNotFoundError:
        return False
    with io.BufferedWriter(_Nowhere()) as nowhere:
        if write_archive(store, found, nowhere) == manifest:
            return True
    raise InvalidStateError(
        f"there is another job set {record.set_id} already, {found.name!r}: delete it before you "
        "import this one"
    )


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        """Say that it may be written to."""
        return True

    def write(self, data: object, /) -> int:
        """Take what is written."""
        return len(data)  # type: ignore[arg-type]  # a buffer, whatever its class


class _CappedFile:
    """A file of which no read takes more than its cap: a directory may claim any size.

    Args:
        file: The file.
        most_bytes: Most bytes of one read.
    """

    def __init__(self, file: IO[bytes], most_bytes: int) -> None:
        self._file = file
        self.most_bytes = most_bytes
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read, if it is not too much."""
        if size > self.most_bytes:
            raise PayloadTooLargeError(
                f"the archive asks for {size:,} bytes at once, and the cap is {self.most_bytes:,}"
            )
        # The rest of the file is what zipfile looks at for a comment behind its end: 64 KB.
        return self._file.read(self.most_bytes if size < 0 else size)


class _Reader:
    """An open archive.

    Args:
        archive: The zip.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.manifest = self._read_manifest()

    @classmethod
    @contextmanager
    def of(cls, file: IO[bytes]) -> Iterator[Self]:
        """Open an archive for a while."""
        capped = _CappedFile(file, _MAX_DIRECTORY_BYTES)
        with zipfile.ZipFile(capped) as archive:
            capped.most_bytes = max(MAX_PAGE_BYTES, MAX_MANIFEST_BYTES, *_CAPS.values())
            yield cls(archive)

    def record(self) -> SetRecord:
        """Return the set."""
        options = self._checked(self._read("options", self.manifest.options), CodecId.DOCUMENT)
        found = decode_document(options)
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise CodecError("its run options are not named values")
        return replace(self.manifest.job_set.record(), options=found)

    def names(self) -> list[bytes]:
        """Return the encoded lists of names."""
        if sum(digest.size_bytes for digest in self.manifest.names) > MAX_DOCUMENT_BYTES:
            raise PayloadTooLargeError("the archive's names are larger than their cap")
        with self._open("names", stored=True) as member:
            return [
                self._checked(_take(member, digest, "names"), CodecId.DOCUMENT)
                for digest in self.manifest.names
            ]

    def chunks(self) -> Iterator[StoredChunk]:
        """Yield every chunk, in order, with its blobs."""
        set_id, statuses = self.manifest.job_set.set_id, self.manifest.statuses
        for number, first in enumerate(range(0, len(statuses), PAGE_CHUNKS)):
            codes = statuses[first : first + PAGE_CHUNKS]
            page = self._page(number, len(codes))
            with self._open(f"chunks/{number}.bin", stored=True) as member:
                for index, (code, archived) in enumerate(zip(codes, page, strict=True), first):
                    yield self._chunk(
                        member, archived, ChunkKey(set_id, index), ChunkStatus.from_code(code)
                    )

    def _chunk(
        self, member: IO[bytes], archived: ArchivedChunk, key: ChunkKey, status: ChunkStatus
    ) -> StoredChunk:
        blobs: list[bytes | None] = []
        for digest, codec in (
            (archived.payload, CodecId.CIRCUITS),
            (archived.result, CodecId.RESULT),
        ):
            if digest is None:
                blobs.append(None)
            else:
                blob = _take(member, digest, f"chunk {key.index}")
                blobs.append(self._checked(blob, codec))
        return StoredChunk(archived.record(key, status), *blobs)

    def _page(self, number: int, chunks: int) -> list[ArchivedChunk]:
        name = f"chunks/{number}.json"
        if number >= len(self.manifest.pages):
            raise CodecError(f"the archive does not say what {name} holds")
        try:
            page = _PAGE.validate_json(
                self._read(name, self.manifest.pages[number], MAX_PAGE_BYTES), strict=True
            )
        except ValidationError as error:
            raise CodecError(f"{name} in the archive is malformed: {_first(error)}") from error
        if len(page) != chunks:
            raise CodecError(f"{name} in the archive holds {len(page)} chunks, not {chunks}")
        return page

    def _read_manifest(self) -> Manifest:
        data = self._read("manifest.json", None, MAX_MANIFEST_BYTES)
        stated = from_json(data, allow_inf_nan=False)
        if not isinstance(stated, dict) or stated.get("format") != FORMAT:
            raise CodecError("its manifest is not one of Jobset")
        if stated.get("version") != VERSION:
            raise VersionMismatchError(
                f"the archive has version {str(stated.get('version'))[:20]}, and this side reads "
                f"{VERSION}: upgrade it"
            )
        del stated
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            raise CodecError(f"the archive's manifest is malformed: {_first(error)}") from error

    def _open(self, name: str, *, stored: bool) -> IO[bytes]:
        if stored and self._archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
            raise CodecError(f"{name} in the archive is compressed, and must not be")
        return self._archive.open(name)

    def _read(self, name: str, digest: Digest | None, max_bytes: int | None = None) -> bytes:
        """Read a member whole."""
        size_bytes = self._archive.getinfo(name).file_size
        most_bytes = max_bytes or MAX_DOCUMENT_BYTES
        if size_bytes > most_bytes:
            raise PayloadTooLargeError(
                f"{name} in the archive has {size_bytes:,} bytes, and the cap is {most_bytes:,}"
            )
        with self._open(name, stored=False) as member:
            data = member.read(size_bytes)
        if digest is not None and digest_of(data) != digest:
            raise CodecError(f"{name} in the archive is not what its manifest says")
        return data

    @staticmethod
    def _checked(blob: bytes, codec: CodecId) -> bytes:
        frame.check(blob, codec, VERSIONS[codec], max_bytes=_CAPS[codec])
        return blob


def _take(member: IO[bytes], digest: Digest, what: str) -> bytes:
    """Read the next blob of a member that holds several."""
    blob = member.read(digest.size_bytes)
    if digest_of(blob) != digest:
        raise CodecError(f"the archive's {what} is damaged: its digest is another one")
    return blob


def _first(error: ValidationError) -> str:
    [first, *_] = error.errors(include_input=False, include_url=False)
    where = ".".join(map(str, first["loc"]))
    return f"{where + ': ' if where else ''}{first['msg']}"[:300]
