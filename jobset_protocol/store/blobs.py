"""Where a payload or a result is kept: in the store, or above a size in a file beside it.

The file is written first, the pointer to it stored after: what a pointer names is there, whole.
A file's name ends in the digest of its bytes.  So two workers that both believe to hold a chunk
write two files, or one file twice with the same bytes; which one counts, the fence decides when the
pointer is stored.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Self, overload

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobset_protocol.errors import CodecError, ConfigurationError, PayloadTooLargeError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.blob_pointer import BlobPointer, is_pointer, read_pointer
from jobset_protocol.store.file_store import URL_VARIABLE, FileStore

MAX_BLOB_BYTES = 1 << 30
"""Most bytes of one file; the codecs have their own limits on what it unpacks to."""
THRESHOLD_BYTES = 1 << 20
_MAX_THRESHOLD_BYTES = 512 << 20
_READERS = 8
_NAMED_DIGITS = 32

Part = Literal["payload", "result"]


class BlobSettings(BaseSettings):
    """The environment of clients, workers and watchers alike (``JOBSET_BLOBS_…``)."""

    model_config = SettingsConfigDict(
        env_prefix="JOBSET_BLOBS_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    url: str | None = None
    """The folder for large blobs; without one, all are in the store."""
    threshold_bytes: int = Field(default=THRESHOLD_BYTES, ge=0, le=_MAX_THRESHOLD_BYTES)
    """Most encoded bytes of a blob that is kept in the store; 512 MiB is what Redis holds."""


class BlobStore:
    """Moves large blobs into files, and gets them back; threads may share it.

    Args:
        url: The folder; without one, every blob stays in the store.
        threshold_bytes: Most bytes of a blob that stays in the store.

    Raises:
        ConfigurationError: The URL is malformed.

    >>> from jobset_protocol.messages import ChunkKey
    >>> BlobStore().externalise(b"JS...", ChunkKey("0" * 32, 7), "result")
    b'JS...'
    """

    def __init__(self, url: str | None = None, *, threshold_bytes: int = THRESHOLD_BYTES) -> None:
        self._files = None if url is None else FileStore(url)
        self._threshold_bytes = threshold_bytes

    @classmethod
    def from_environment(cls) -> Self:
        """Return what ``JOBSET_BLOBS_URL`` and ``JOBSET_BLOBS_THRESHOLD_BYTES`` ask for.

        Raises:
            ConfigurationError: One of them is wrong.
        """
        try:
            settings = BlobSettings()
        except ValidationError as error:
            reasons = "; ".join(
                f"JOBSET_BLOBS_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
                for each in error.errors()
            )
            raise ConfigurationError(reasons) from error
        return cls(settings.url, threshold_bytes=settings.threshold_bytes)

    @property
    def has_files(self) -> bool:
        """Whether there is a folder for large blobs."""
        return self._files is not None

    def require_usable(self) -> None:
        """Try the folder, if there is one, before something that matters depends on it.

        Raises:
            ConfigurationError: A package is missing.
            StoreError: It does not answer, or this user may not write there.
        """
        if self._files is not None:
            self._files.require_usable()

    def externalise(self, data: bytes, key: ChunkKey, part: Part) -> bytes:
        """Return what the store shall hold for a blob: itself, or a pointer to its new file.

        Safe to repeat: the same bytes go to the same file.

        Raises:
            ConfigurationError: A package is missing.
            CodecError: The blob begins like a pointer, and would be taken for one.
            StoreError: The file could not be written; nothing points to it.
        """
        if is_pointer(data):
            raise CodecError(f"the {part} of chunk {key} is not a blob of Jobset")
        if self._files is None or len(data) <= self._threshold_bytes:
            return data
        digest = hashlib.sha256(data)
        name = f"{key.set_id}/{key.index}-{part}-{digest.hexdigest()[:_NAMED_DIGITS]}"
        pointer = BlobPointer(name=name, size_bytes=len(data), sha256=digest.digest())
        self._files.write(name, data)
        return pointer.pack()

    @overload
    def internalise(self, stored: bytes, *, max_bytes: int = ...) -> bytes: ...
    @overload
    def internalise(self, stored: None, *, max_bytes: int = ...) -> None: ...
    @overload
    def internalise(self, stored: bytes | None, *, max_bytes: int = ...) -> bytes | None: ...
    def internalise(self, stored: bytes | None, *, max_bytes: int = MAX_BLOB_BYTES) -> bytes | None:
        """Return the blob that the store holds or points to.

        Args:
            stored: What the store holds; ``None`` for nothing.
            max_bytes: Most bytes to read from a file.

        Raises:
            ConfigurationError: It is in a file, and this side has no folder or lacks a package.
            PayloadTooLargeError: The file is larger than ``max_bytes``; nothing was read.
            CodecError: The pointer or the file is damaged.
            StoreLostError: The file is gone.
            StoreUnavailableError: The file store does not answer.
        """
        if stored is None or not is_pointer(stored):
            return stored
        pointer = read_pointer(stored)
        if self._files is None:
            raise ConfigurationError(
                f"{pointer.name} is in a file and {URL_VARIABLE} is not set here: give this side "
                "the same URL as the others"
            )
        if pointer.size_bytes > max_bytes:
            raise PayloadTooLargeError(
                f"the file {pointer.name} has {pointer.size_bytes:,} bytes and the cap is "
                f"{max_bytes:,}: use smaller chunks, or raise the cap"
            )
        # One byte more, to see that it ends where it should, without asking for its length first.
        data = self._files.read(pointer.name, max_bytes=pointer.size_bytes + 1)
        if len(data) != pointer.size_bytes or hashlib.sha256(data).digest() != pointer.sha256:
            raise CodecError(
                f"the file {pointer.name} is damaged: its bytes are not those that were written"
            )
        return data

    def internalise_many(
        self, stored: Sequence[bytes | None], *, max_bytes: int = MAX_BLOB_BYTES
    ) -> list[bytes | None]:
        """Return many blobs in their order, reading several files at a time.

        Raises:
            JobSetError: One of them could not be read; see :meth:`internalise`.
        """
        pointers = sum(1 for each in stored if each is not None and is_pointer(each))
        if pointers < 2:
            return [self.internalise(each, max_bytes=max_bytes) for each in stored]
        with ThreadPoolExecutor(min(pointers, _READERS), "jobset-blobs") as pool:
            return list(pool.map(lambda each: self.internalise(each, max_bytes=max_bytes), stored))

    def delete_set(self, set_id: str) -> None:
        """Delete a set's files; there may be none.

        Raises:
            MessageError: That is not a set's id.
            StoreUnavailableError: The file store does not answer, or a worker still writes.
        """
        ChunkKey.checked(set_id, 0)
        if self._files is not None:
            self._files.delete_folder(set_id)
