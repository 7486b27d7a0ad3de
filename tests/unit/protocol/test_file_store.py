"""Large blobs' files: missing, half written, written twice, deleted."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from jobset_protocol.errors import (
    ConfigurationError,
    MessageError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
)
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.blobs import BlobStore
from tests.unit.protocol.blob_support import KEY, LARGE, files, forged, stored_on_disk

# What is missing


def test_a_missing_file_is_lost_data(blobs: BlobStore) -> None:
    stored = blobs.externalise(LARGE, KEY, "result")
    blobs.externalise(LARGE, ChunkKey("f" * 32, 0), "result")
    blobs.delete_set(KEY.set_id)
    with pytest.raises(StoreLostError, match=f"{KEY.set_id}/7-result-.*JOBSET_BLOBS_URL"):
        blobs.internalise(stored)


def test_a_missing_folder_is_not_lost_data(on_disk: BlobStore, folder: Path) -> None:
    stored, _ = stored_on_disk(on_disk, folder)
    folder.rename(folder.with_name("elsewhere"))
    for call in (
        lambda: on_disk.internalise(stored),
        lambda: on_disk.externalise(LARGE, KEY, "result"),
        lambda: on_disk.delete_set(KEY.set_id),
        on_disk.require_usable,
    ):
        with pytest.raises(StoreUnavailableError, match="mount it, or make it"):
            call()
    assert not folder.exists()


def test_a_pointer_without_a_url_names_the_variable(on_disk: BlobStore, folder: Path) -> None:
    stored, _ = stored_on_disk(on_disk, folder)
    with pytest.raises(ConfigurationError, match="JOBSET_BLOBS_URL is not set"):
        BlobStore().internalise(stored)


def test_without_fsspec_the_extra_is_named(
    on_disk: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for call in (
        on_disk.require_usable,
        lambda: on_disk.externalise(LARGE, KEY, "result"),
        lambda: on_disk.internalise(forged()),
    ):
        with pytest.raises(ConfigurationError, match=r"pip install 'jobset\[blobs\]'"):
            call()
    assert on_disk.externalise(b"small", KEY, "result") == b"small"


def test_a_filesystem_that_fsspec_lacks_is_a_wrong_setting() -> None:
    blobs = BlobStore("nosuchscheme://bucket/prefix")
    with pytest.raises(ConfigurationError, match="fsspec cannot open JOBSET_BLOBS_URL"):
        blobs.require_usable()


@pytest.mark.parametrize(
    "url", ["blobs", "/shared/blobs", "file://shared/blobs", "x://", "s3://some/*", "a[1]://b"]
)
def test_malformed_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBSET_BLOBS_URL") as caught:
        BlobStore(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (TimeoutError("no answer"), StoreUnavailableError),
        (OSError(28, "No space left on device"), StoreUnavailableError),
        (RuntimeError("a client's own class"), StoreUnavailableError),
        (PermissionError("denied"), StoreError),
    ],
)
def test_what_a_filesystem_raises_becomes_ours(
    on_disk: BlobStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    expected: type[StoreError],
) -> None:
    stored, _ = stored_on_disk(on_disk, folder)

    def failing(*_: Any, **__: Any) -> None:
        raise raised

    for method in ("pipe_file", "cat_file", "rm"):
        monkeypatch.setattr(LocalFileSystem, method, failing)
    for call in (
        lambda: on_disk.internalise(stored),
        lambda: on_disk.externalise(LARGE, KEY, "result"),
        lambda: on_disk.delete_set(KEY.set_id),
        on_disk.require_usable,
    ):
        with pytest.raises(expected) as caught:
            call()
        assert type(caught.value) is expected


# Writing


def test_a_write_that_breaks_off_leaves_nothing(
    on_disk: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(_: Any, path: str, value: bytes) -> None:
        Path(path).parent.mkdir()
        Path(path).write_bytes(value[: len(value) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalFileSystem, "pipe_file", breaking)
    with pytest.raises(KeyboardInterrupt):
        on_disk.externalise(LARGE, KEY, "result")
    assert files(folder) == []


def test_a_half_written_file_never_has_its_name(
    on_disk: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = stored_on_disk(on_disk, folder)
    path.unlink()
    seen: list[list[tuple[str, int]]] = []
    write = LocalFileSystem.pipe_file

    def in_halves(self: Any, partial: str, value: bytes) -> None:
        write(self, partial, value[:500])
        seen.append([(found.name, found.stat().st_size) for found in files(folder)])
        write(self, partial, value)

    monkeypatch.setattr(LocalFileSystem, "pipe_file", in_halves)
    on_disk.externalise(LARGE, KEY, "result")
    [[(name, size_bytes)]] = seen
    assert name.endswith(".part")
    assert size_bytes == 500
    assert files(folder) == [path]


def test_two_workers_with_one_chunk_do_not_touch_each_others_results(blobs: BlobStore) -> None:
    zombie = blobs.externalise(LARGE + b"zombie", KEY, "result")
    holder = blobs.externalise(LARGE + b"holder", KEY, "result")
    late = blobs.externalise(LARGE + b"late", KEY, "result")
    assert blobs.internalise_many([holder, zombie, late]) == [
        LARGE + b"holder",
        LARGE + b"zombie",
        LARGE + b"late",
    ]


def test_a_repeated_write_makes_no_second_file(on_disk: BlobStore, folder: Path) -> None:
    stored, path = stored_on_disk(on_disk, folder)
    assert on_disk.externalise(LARGE, KEY, "result") == stored
    assert files(folder) == [path]


def test_a_repeated_write_mends_a_damaged_file(on_disk: BlobStore, folder: Path) -> None:
    stored, path = stored_on_disk(on_disk, folder)
    path.write_bytes(b"")
    on_disk.externalise(LARGE, KEY, "result")
    assert on_disk.internalise(stored) == LARGE


def test_many_writers_at_once(blobs: BlobStore) -> None:
    contents = [LARGE + bytes([number % 3]) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda data: blobs.externalise(data, KEY, "result"), contents))
    assert blobs.internalise_many(stored) == contents
    assert len(set(stored)) == 3


# Deletion


def test_deletion_takes_all_of_one_set_and_nothing_else(blobs: BlobStore) -> None:
    other = ChunkKey("f" * 32, 7)
    kept = blobs.externalise(LARGE, other, "payload")
    gone = [blobs.externalise(LARGE, ChunkKey(KEY.set_id, n), "payload") for n in range(3)]
    blobs.delete_set(KEY.set_id)
    for stored in gone:
        with pytest.raises(StoreLostError):
            blobs.internalise(stored)
    assert blobs.internalise(kept) == LARGE
    blobs.delete_set(KEY.set_id)


def test_deletion_takes_what_a_crash_left(on_disk: BlobStore, folder: Path) -> None:
    _, path = stored_on_disk(on_disk, folder)
    path.with_name(".0123.part").write_bytes(b"half")
    on_disk.delete_set(KEY.set_id)
    assert list(folder.iterdir()) == []


def test_deletion_goes_on_when_a_file_vanishes_meanwhile(
    on_disk: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_on_disk(on_disk, folder)
    remove = LocalFileSystem.rm
    calls: list[str] = []

    def vanishing(self: Any, path: str, recursive: bool) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise FileNotFoundError(path)
        remove(self, path, recursive=recursive)

    monkeypatch.setattr(LocalFileSystem, "rm", vanishing)
    on_disk.delete_set(KEY.set_id)
    assert list(folder.iterdir()) == []


def test_a_folder_that_does_not_go_away_is_told(
    on_disk: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_on_disk(on_disk, folder)
    monkeypatch.setattr(LocalFileSystem, "rm", lambda *_, **__: None)
    with pytest.raises(StoreUnavailableError, match="still writes"):
        on_disk.delete_set(KEY.set_id)


@pytest.mark.parametrize("set_id", ["", ".", "..", "../x", "*", KEY.set_id + "/..", "A" * 32])
def test_only_a_sets_folder_can_be_deleted(on_disk: BlobStore, folder: Path, set_id: str) -> None:
    _, path = stored_on_disk(on_disk, folder)
    with pytest.raises(MessageError):
        on_disk.delete_set(set_id)
    assert path.exists()
