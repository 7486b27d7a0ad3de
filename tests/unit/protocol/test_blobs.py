"""Large blobs: what goes to a file, what comes back, and what never does."""

import hashlib
from pathlib import Path
from typing import Any

import msgpack
import pytest
from fsspec.implementations.local import LocalFileSystem

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    PayloadTooLargeError,
    StoreLostError,
    VersionMismatchError,
)
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.blob_pointer import MAGIC, BlobPointer, is_pointer, read_pointer
from jobset_protocol.store.blobs import THRESHOLD_BYTES, BlobStore
from tests.unit.protocol.blob_support import KEY, LARGE, THRESHOLD, files, forged, stored_on_disk

# What goes where


@pytest.mark.parametrize("size_bytes", [0, 1, THRESHOLD])
def test_what_is_not_above_the_threshold_stays(
    on_disk: BlobStore, folder: Path, size_bytes: int
) -> None:
    data = b"x" * size_bytes
    assert on_disk.externalise(data, KEY, "result") is data
    assert files(folder) == []


def test_one_byte_more_goes_to_a_file(on_disk: BlobStore, folder: Path) -> None:
    stored = on_disk.externalise(b"x" * (THRESHOLD + 1), KEY, "payload")
    assert is_pointer(stored)
    assert [path.stat().st_size for path in files(folder)] == [THRESHOLD + 1]


def test_without_a_url_everything_stays() -> None:
    data = b"x" * (2 * THRESHOLD_BYTES)
    blobs = BlobStore()
    blobs.require_usable()
    assert blobs.externalise(data, KEY, "result") is data
    assert blobs.internalise(data) is data
    blobs.delete_set(KEY.set_id)


def test_round_trip(blobs: BlobStore) -> None:
    stored = blobs.externalise(LARGE, KEY, "result")
    assert len(stored) < 200
    assert blobs.internalise(stored) == LARGE


def test_plain_blobs_and_nothing_pass(blobs: BlobStore) -> None:
    assert blobs.internalise(None) is None
    assert blobs.internalise(b"") == b""
    assert blobs.internalise(LARGE) is LARGE


def test_a_file_lies_in_its_sets_folder_under_its_chunk(on_disk: BlobStore, folder: Path) -> None:
    _, path = stored_on_disk(on_disk, folder)
    digest = hashlib.sha256(LARGE).hexdigest()
    assert path == folder / KEY.set_id / f"7-result-{digest[:32]}"
    assert path.read_bytes() == LARGE


def test_many_come_back_in_their_order(blobs: BlobStore) -> None:
    large = [bytes([number]) * (THRESHOLD + 1 + number) for number in range(20)]
    stored: list[bytes | None] = [
        blobs.externalise(data, ChunkKey(KEY.set_id, index), "result")
        for index, data in enumerate(large)
    ]
    stored[3:3] = [None, b"small"]
    assert blobs.internalise_many(stored) == [*large[:3], None, b"small", *large[3:]]
    assert blobs.internalise_many([]) == []


def test_one_lost_among_many_is_named(on_disk: BlobStore, folder: Path) -> None:
    stored = [on_disk.externalise(LARGE + bytes([n]), KEY, "result") for n in range(5)]
    name = read_pointer(stored[2]).name
    (folder / name).unlink()
    with pytest.raises(StoreLostError, match=name):
        on_disk.internalise_many(stored)


def test_no_frame_begins_like_a_pointer() -> None:
    assert not is_pointer(frame.pack(CodecId.RESULT, 1, b""))


def test_a_blob_that_looks_like_a_pointer_is_refused(blobs: BlobStore) -> None:
    forged = BlobPointer(
        name=f"{KEY.set_id}/7-result-{'0' * 32}", size_bytes=1, sha256=bytes(32)
    ).pack()
    with pytest.raises(CodecError, match="not a blob"):
        blobs.externalise(forged, KEY, "result")


# Damage and forgery


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data + b"x",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
        lambda data: bytes(len(data)),
    ],
    ids=["truncated", "empty", "longer", "first bit", "last bit", "replaced"],
)
def test_a_damaged_file_is_refused(on_disk: BlobStore, folder: Path, damage: Any) -> None:
    stored, path = stored_on_disk(on_disk, folder)
    path.write_bytes(damage(LARGE))
    with pytest.raises(CodecError, match="is damaged"):
        on_disk.internalise(stored)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        f"{KEY.set_id}/../../secret",
        f"{KEY.set_id}/..",
        "/etc/passwd",
        "file:///etc/passwd",
        f"{KEY.set_id}//7-result-{'0' * 32}",
        f"{KEY.set_id}/7-result-{'0' * 32}\n",
        f"{KEY.set_id}/7-result-{'0' * 32}/../../../secret",
        f"{KEY.set_id.upper()}/7-result-{'0' * 32}",
        f"{KEY.set_id}/\u0667-result-{'0' * 32}",
        f"{KEY.set_id}/*",
        "",
        7,
        None,
    ],
)
def test_a_pointer_cannot_leave_its_folder(on_disk: BlobStore, folder: Path, name: Any) -> None:
    (folder.parent / "secret").write_bytes(LARGE)
    with pytest.raises(CodecError, match="forged"):
        on_disk.internalise(forged(name=name))


@pytest.mark.parametrize(
    "stored",
    [
        MAGIC,
        MAGIC + b"\x01",
        MAGIC + b"\x01\xc1",
        MAGIC + b"\x01" + msgpack.packb([1, 2, 3]),
        forged()[:-1],
        forged() + b"x",
        forged(url="file:///etc/passwd"),
        forged(sha256=None),
        forged(sha256=b"short"),
        forged(sha256="0" * 32),
        forged(size_bytes=0),
        forged(size_bytes=-1),
        forged(size_bytes=1.5),
        forged(size_bytes="9"),
        forged(name=f"{KEY.set_id}/7-result-{'0' * 600}"),
    ],
)
def test_a_damaged_pointer_is_refused(on_disk: BlobStore, stored: bytes) -> None:
    with pytest.raises(CodecError):
        on_disk.internalise(stored)


def test_a_newer_pointer_asks_for_an_upgrade(on_disk: BlobStore) -> None:
    with pytest.raises(VersionMismatchError, match="upgrade"):
        on_disk.internalise(MAGIC + b"\x02" + forged()[3:])


def test_the_cap_holds_before_anything_is_read(on_disk: BlobStore) -> None:
    # No such file: had it been looked for, the error would be another.
    with pytest.raises(PayloadTooLargeError, match=f"{len(LARGE):,}"):
        on_disk.internalise(forged(), max_bytes=len(LARGE) - 1)


def test_no_more_is_read_than_the_pointer_says(
    on_disk: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, path = stored_on_disk(on_disk, folder)
    path.write_bytes(LARGE * 1000)
    lengths: list[int] = []
    read = LocalFileSystem.cat_file

    def watched(self: Any, *args: Any, **options: Any) -> bytes:
        data: bytes = read(self, *args, **options)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(LocalFileSystem, "cat_file", watched)
    with pytest.raises(CodecError, match="is damaged"):
        on_disk.internalise(stored)
    assert lengths == [len(LARGE) + 1]


# Settings


def test_the_environment_configures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSET_BLOBS_URL", folder.as_uri())
    monkeypatch.setenv("JOBSET_BLOBS_THRESHOLD_BYTES", "10")
    blobs = BlobStore.from_environment()
    blobs.require_usable()
    assert files(folder) == []
    assert is_pointer(blobs.externalise(b"x" * 11, KEY, "result"))


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSET_BLOBS_URL", "")
    monkeypatch.delenv("JOBSET_BLOBS_THRESHOLD_BYTES", raising=False)
    assert not is_pointer(BlobStore.from_environment().externalise(LARGE, KEY, "result"))


@pytest.mark.parametrize("value", ["many", "-1", "1e6", str(1 << 40)])
def test_a_wrong_threshold_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("JOBSET_BLOBS_THRESHOLD_BYTES", value)
    with pytest.raises(ConfigurationError, match="JOBSET_BLOBS_THRESHOLD_BYTES"):
        BlobStore.from_environment()
