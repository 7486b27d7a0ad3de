"""A folder that clients and workers share: on disk, or wherever fsspec has a filesystem for.

The only module that imports fsspec, and only when a file is touched.  Whatever a filesystem raises
leaves here as an error of ours.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from typing import Any

from jobset_protocol.errors import (
    ConfigurationError,
    JobSetError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
)

URL_VARIABLE = "JOBSET_BLOBS_URL"

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.+)", re.IGNORECASE)
_ON_DISK = frozenset({"file", "local"})
_PATTERN_CHARACTERS = frozenset("*?[]")
_DELETIONS = 3


class FileStore:
    """Whole files below one folder; threads may share it, and so may forked children.

    Args:
        url: The folder, such as ``file:///shared/blobs`` or ``s3://bucket/prefix``.

    Raises:
        ConfigurationError: The URL is malformed.
    """

    def __init__(self, url: str) -> None:
        # Without the URL in the messages: it may hold a password.
        match = _URL.fullmatch(url)
        if match is None:
            raise ConfigurationError(
                f"{URL_VARIABLE} is not a URL: use file:///shared/folder, s3://bucket/prefix, or "
                "another one that fsspec knows"
            )
        if _PATTERN_CHARACTERS & set(url):
            # fsspec takes a path with one of these for a pattern, and would delete all that fits.
            raise ConfigurationError(f"{URL_VARIABLE} may hold none of the characters * ? [ ]")
        self._scheme = match[1].lower()
        if self._on_disk and not match[2].startswith("/"):
            raise ConfigurationError(
                f"{URL_VARIABLE} names a folder relative to each process: use three slashes and "
                "the whole path, as in file:///shared/folder"
            )
        self._url = url
        self._opened: tuple[int, Any, str] | None = None

    @property
    def _on_disk(self) -> bool:
        return self._scheme in _ON_DISK

    def require_usable(self) -> None:
        """Write, read and delete a small file.

        Raises:
            ConfigurationError: fsspec, or what it needs for this URL, is not installed.
            StoreUnavailableError: The file store does not answer, or the folder is not there.
            StoreError: This user may not write there, or what was written comes back changed.
        """
        files, base = self._open()
        path = f"{base}/.jobset-{uuid.uuid4().hex}"
        with self._answering():
            files.pipe_file(path, b"probe")
            found = files.cat_file(path)
            files.rm_file(path)
        if found != b"probe":
            raise StoreError(f"the file store at {URL_VARIABLE} does not keep what is written")

    def write(self, name: str, data: bytes) -> None:
        """Write a file, which is there whole or not at all; an older one is replaced.

        Args:
            name: ``<folder>/<file>``.
            data: All its bytes.
        """
        files, base = self._open()
        folder = f"{base}/{name.partition('/')[0]}"
        partial = f"{folder}/.{uuid.uuid4().hex}.part"
        with self._answering():
            try:
                self._write_partial(files, folder, partial, data)
                files.mv(partial, f"{base}/{name}")
            except BaseException:
                with contextlib.suppress(Exception):
                    files.rm_file(partial)
                raise

    @staticmethod
    def _write_partial(files: Any, folder: str, partial: str, data: bytes) -> None:
        try:
            files.pipe_file(partial, data)
        except FileNotFoundError:
            # Not the base: a folder that is not mounted must not be made on the disk below it.
            with contextlib.suppress(FileExistsError):
                files.mkdir(folder, create_parents=False)
            files.pipe_file(partial, data)

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Read a file, or its first ``max_bytes``.

        Raises:
            StoreLostError: It is not there.
        """
        files, base = self._open()
        with self._answering():
            try:
                data: bytes = files.cat_file(f"{base}/{name}", start=0, end=max_bytes)
            except FileNotFoundError as error:
                self._require_base(files, base)
                raise StoreLostError(
                    f"the file {name} is gone from the file store: it was deleted, or this side's "
                    f"{URL_VARIABLE} is not the one it was written with"
                ) from error
        return data

    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all that is in it; none is as good."""
        files, base = self._open()
        path = f"{base}/{folder}"
        with self._answering():
            self._require_base(files, base)
            try:
                # Again and again: a file may vanish, or come, while its folder is deleted.
                for _ in range(_DELETIONS):
                    files.invalidate_cache(path)
                    files.info(path)  # exists() takes any failure for absence
                    with contextlib.suppress(FileNotFoundError):
                        files.rm(path, recursive=True)
                files.info(path)
            except FileNotFoundError:
                return
        raise StoreUnavailableError(
            f"the files of {folder} do not go away: something still writes there; try again later"
        )

    def _require_base(self, files: Any, base: str) -> None:
        # Elsewhere a folder exists as long as something is in it.
        if self._on_disk and not files.isdir(base):
            raise StoreUnavailableError(_no_folder())

    def _open(self) -> tuple[Any, str]:
        # A filesystem's threads and connections do not survive a fork.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), *self._open_anew())
        return self._opened[1:]

    def _open_anew(self) -> tuple[Any, str]:
        try:
            import fsspec.core  # noqa: PLC0415  (an extra that most do without)
        except ImportError as error:
            raise ConfigurationError(
                f"{URL_VARIABLE} is set and fsspec is not installed: pip install 'jobset[blobs]'"
            ) from error
        with self._answering():
            try:
                files, base = fsspec.core.url_to_fs(self._url)
            except (ImportError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"fsspec cannot open {URL_VARIABLE} ({self._scheme}://…): {error}"
                ) from error
        return files, base.rstrip("/")

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except JobSetError:
            raise
        except FileNotFoundError as error:
            raise StoreUnavailableError(_no_folder()) from error
        except PermissionError as error:
            raise StoreError(f"the file store refuses this user: {error}") from error
        except Exception as error:
            # Each filesystem has exceptions of its own, and few are OSErrors.
            raise StoreUnavailableError(
                f"the file store at {URL_VARIABLE} ({self._scheme}://…) failed: "
                f"{type(error).__name__}: {error}"
            ) from error


def _no_folder() -> str:
    return (
        f"the folder or bucket that {URL_VARIABLE} names is not there: mount it, or make it; "
        "Jobset does not, lest files land on the wrong disk"
    )
