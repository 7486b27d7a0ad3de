"""A set goes into a file and comes back as it was; nothing in a file is believed."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobset_client import JobManager, ManagedJobSet, archive, archive_reader
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.result import encode_result
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    InvalidStateError,
    JobSetError,
    JobSetNotFoundError,
    PayloadTooLargeError,
    VersionMismatchError,
)
from jobset_protocol.messages import ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from jobset_protocol.store.memory import memory_store
from tests.unit.client.support import (
    ALIAS,
    FakeWorker,
    ListSender,
    announce,
    backend,
    circuits,
    counts_of,
    result_of,
)


@pytest.fixture
def elsewhere() -> Iterator[JobManager]:
    """A manager over another, empty store."""
    store = memory_store()
    store.require_epoch()
    announce(store, backend())
    yield JobManager.over(store, ListSender(), owner="eve")
    store.close()


@pytest.fixture
def job_set(manager: JobManager, store: Store) -> ManagedJobSet:
    """A set with results, a failure, a second attempt, an extra job, and refused circuits."""
    job_set = manager.run(
        circuits(9), ALIAS, name="flips", max_experiments_per_job=2, job_tags=["b", "a"], shots=10,
        idempotency_key="k", retention_seconds=1e6,
    )  # fmt: skip
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.fail(1, "too hot\nfor now")
    job_set.retry()
    worker.run(1)
    worker.fail(2, "boom", where="submit")
    claim, _ = worker.claim(3)
    error = ErrorRecord("ProviderError", "refused")
    for key in store.split(claim, job_set.record, backend=ALIAS, error=error):
        halved, _ = worker.claim(key.index)
        first = store.set_record(job_set.job_set_id()).circuits_of(key.index).start
        blob = encode_result(result_of([f"c{first}"], first))
        worker.finish(halved, ChunkStatus.DONE, result=blob)
    worker.run(4, failed=[0])
    twin = JobReference("twin", "session 5")
    store.note_extra_job(worker.key(1), twin, attempt=1, cancelled=True)
    return job_set


@pytest.fixture
def path(job_set: ManagedJobSet, tmp_path: Path) -> Path:
    path = tmp_path / "set.zip"
    job_set.export(path)
    return path


def seen(job_set: ManagedJobSet) -> dict[str, Any]:
    """Return all that a user sees of a set."""
    job_set.forget()
    record = job_set.record
    results = job_set.results(timeout=0, partial=True)
    return {
        "id": job_set.job_set_id(),
        "name": job_set.name(),
        "tags": job_set.tags(),
        "owner": record.owner,
        "options": record.options,
        "times": (record.created_at, record.finished_at),
        "statuses": job_set.chunk_statuses(),
        "report": job_set.report(),
        "errors": job_set.error_messages(),
        "names": list(job_set.circuit_names()),
        "circuits": [str(circuit.draw()) for circuit in job_set.circuits()],
        "chunks": job_set.chunk_records(),
        "combined": results.combine_results(partial=True).to_dict(),
    }


def test_an_imported_set_is_what_was_exported(
    job_set: ManagedJobSet, path: Path, elsewhere: JobManager
) -> None:
    imported = elsewhere.import_job_set(path)
    assert seen(imported) == seen(job_set)
    assert imported.results(timeout=0).get_counts(7) == counts_of(7)
    assert [managed.history for managed in imported.managed_jobs()][1]
    assert elsewhere.job_sets(tag="a") == [imported]
    # It is kept, and under no key.
    assert imported.record.retention_seconds is None
    assert imported.record.idempotency_key is None


def test_it_can_be_tried_again_where_it_was_imported(path: Path, elsewhere: JobManager) -> None:
    imported = elsewhere.import_job_set(path)
    assert [managed.start_index for managed in imported.retry()] == [4, 8]


def test_a_set_of_a_generator_comes_back_too(
    manager: JobManager, store: Store, tmp_path: Path, elsewhere: JobManager
) -> None:
    job_set = manager.run(iter(circuits(5)), ALIAS, max_experiments_per_job=2)
    FakeWorker(store, job_set).run_all()
    job_set.export(tmp_path / "g.zip")
    assert seen(elsewhere.import_job_set(tmp_path / "g.zip")) == seen(job_set)


def test_importing_what_is_there_changes_nothing(
    manager: JobManager, job_set: ManagedJobSet, path: Path
) -> None:
    before = seen(job_set)
    assert manager.import_job_set(path) == job_set
    assert seen(job_set) == before


def test_another_set_with_the_same_id_is_not_replaced(
    manager: JobManager, job_set: ManagedJobSet, path: Path
) -> None:
    job_set.update_name("renamed")
    with pytest.raises(InvalidStateError, match="another job set"):
        manager.import_job_set(path)
    assert job_set.name() == "renamed"


def test_a_deleted_set_comes_back(manager: JobManager, job_set: ManagedJobSet, path: Path) -> None:
    before = seen(job_set)
    job_set.delete()
    assert seen(manager.import_job_set(path)) == before


def test_only_a_set_at_its_end_is_exported(manager: JobManager, tmp_path: Path) -> None:
    job_set = manager.run(circuits(1), ALIAS)
    with pytest.raises(InvalidStateError, match="not final"):
        job_set.export(tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_leaves_the_older_file(
    job_set: ManagedJobSet, path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def lose(*_: object) -> None:
        raise JobSetNotFoundError("gone")

    monkeypatch.setattr(store, "results", lose)
    with pytest.raises(JobSetNotFoundError):
        job_set.export(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_set_that_changes_meanwhile_is_not_exported(
    job_set: ManagedJobSet, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = store.names

    def names_and_retry(set_id: str) -> list[bytes]:
        job_set.retry()
        return names(set_id)

    monkeypatch.setattr(store, "names", names_and_retry)
    with pytest.raises(InvalidStateError, match="changed meanwhile"):
        job_set.export(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["no/such/folder/a.zip", "."])
def test_a_place_that_cannot_be_written_is_named(
    job_set: ManagedJobSet, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot write"):
        job_set.export(tmp_path / name)


def test_a_file_that_is_not_there_is_named(manager: JobManager, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        manager.import_job_set(tmp_path / "none.zip")


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write an archive anew, with some members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def manifest_with(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        for name, value in fields.items():
            target = manifest if name in manifest else manifest["job_set"]
            target[name] = value
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        manifest_with(set_id="../../etc/passwd"),
        manifest_with(set_id="5F" * 16),
        manifest_with(circuit_count=11),
        manifest_with(circuit_count=2**31),
        manifest_with(chunk_size=0),
        manifest_with(chunk_size=3),
        manifest_with(statuses="DDDDDDQ"),
        manifest_with(statuses="DDDDDDD"),
        manifest_with(parts=[]),
        manifest_with(parts=[[5, 6, 7, 3, 3], [6, 6, 8, 3, 3]]),
        manifest_with(parts=[[5, 6, 7, 3, 0], [6, 7, 8, 3, 0]]),
        manifest_with(parts=[[5, 6, 7, 9, 3], [6, 7, 8, 9, 3]]),
        manifest_with(parts=[[999_999, 6, 7, 3, 3], [6, 7, 8, 3, 3]]),
        manifest_with(ranges=[[0, 2]]),
        manifest_with(ranges=[[0, 2]] * 7),
        manifest_with(created_at=-1),
        manifest_with(created_at=float("nan")),
        manifest_with(tags=["a"] * 101),
        manifest_with(name="two\nlines"),
        manifest_with(seed_policy="mine"),
        manifest_with(pages=[]),
        manifest_with(names=[{"size_bytes": 1, "sha256": "0" * 64}]),
        manifest_with(unknown=1),
        lambda members: members.pop("manifest.json"),
        lambda members: members.pop("chunks/0.bin"),
        lambda members: members.pop("names"),
        lambda members: members.update({"manifest.json": b"[" * 100_000}),
        lambda members: members.update({"manifest.json": b"{}"}),
        lambda members: members.update({"chunks/0.json": b"[]"}),
        lambda members: members.update({"options": encode_document([1])}),
        lambda members: members.update({"chunks/0.bin": members["chunks/0.bin"][:-1]}),
        lambda members: members.update({"chunks/0.bin": b"x" + members["chunks/0.bin"][1:]}),
    ],
)
def test_a_changed_archive_is_refused(
    path: Path, elsewhere: JobManager, change: Callable[[dict[str, bytes]], None]
) -> None:
    with pytest.raises(CodecError):
        elsewhere.import_job_set(changed(path, change))
    assert elsewhere.job_sets() == []


def test_a_newer_archive_is_refused(path: Path, elsewhere: JobManager) -> None:
    with pytest.raises(VersionMismatchError, match="version 2"):
        elsewhere.import_job_set(changed(path, manifest_with(version=2)))


def test_a_blob_of_another_kind_is_refused(path: Path, elsewhere: JobManager) -> None:
    # Given an archive whose digests fit, and whose first payload is a document
    def change(members: dict[str, bytes]) -> None:
        blob = encode_document("no circuits")
        page = json.loads(members["chunks/0.json"])
        members["chunks/0.bin"] = blob + members["chunks/0.bin"][page[0]["payload"]["size_bytes"] :]
        page[0]["payload"] = archive.digest_of(blob).model_dump()
        members["chunks/0.json"] = json.dumps(page).encode()
        manifest_with(pages=[archive.digest_of(members["chunks/0.json"]).model_dump()])(members)

    with pytest.raises(CodecError, match="holds DOCUMENT, not CIRCUITS"):
        elsewhere.import_job_set(changed(path, change))
    assert elsewhere.job_sets() == []


def test_a_bomb_is_refused_before_it_is_read(
    path: Path, elsewhere: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_reader, "MAX_MANIFEST_BYTES", 1000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("manifest.json", b" " * 1_000_000)
    with pytest.raises(PayloadTooLargeError, match="1,000,000 bytes"):
        elsewhere.import_job_set(path)


def test_compressed_blobs_are_refused(path: Path, elsewhere: JobManager) -> None:
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(name, data)
    with pytest.raises(CodecError, match="compressed"):
        elsewhere.import_job_set(path)


def test_a_directory_that_claims_too_much_is_refused(path: Path, elsewhere: JobManager) -> None:
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    path.write_bytes(bytes(8 << 20) + data)
    claimed = (6 << 20).to_bytes(4, "little")
    whole = bytearray(path.read_bytes())
    whole[(8 << 20) + end + 12 : (8 << 20) + end + 16] = claimed
    path.write_bytes(whole)
    with pytest.raises(PayloadTooLargeError, match="at once"):
        elsewhere.import_job_set(path)


def test_names_inside_are_never_paths(path: Path, elsewhere: JobManager, tmp_path: Path) -> None:
    changed(path, lambda members: members.update({"../../evil": b"x", "/etc/evil": b"x"}))
    elsewhere.import_job_set(path)
    assert sorted(os.listdir(tmp_path)) == ["set.zip"]
    assert not (tmp_path.parent.parent / "evil").exists()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_is_an_error_of_ours_or_harmless(
    path: Path, elsewhere: JobManager, data: st.DataObject
) -> None:
    original = path.read_bytes()
    position = data.draw(st.integers(0, len(original) - 1))
    damaged = bytearray(original)
    damaged[position] ^= data.draw(st.integers(1, 255))
    target = path.with_name("damaged.zip")
    target.write_bytes(damaged)
    try:
        elsewhere.import_job_set(target).delete()
    except JobSetError:
        assert elsewhere.job_sets() == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path: Path, elsewhere: JobManager, content: bytes) -> None:
    target = tmp_path / "any.zip"
    target.write_bytes(content)
    with pytest.raises(CodecError):
        elsewhere.import_job_set(target)


def test_pages_take_the_memory_of_one(
    job_set: ManagedJobSet,
    tmp_path: Path,
    elsewhere: JobManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given pages of two chunks
    for module in (archive, archive_reader):
        monkeypatch.setattr(module, "PAGE_CHUNKS", 2)
    job_set.export(tmp_path / "pages.zip")
    with zipfile.ZipFile(tmp_path / "pages.zip") as written:
        assert len([name for name in written.namelist() if name.endswith(".bin")]) == 4
    assert seen(elsewhere.import_job_set(tmp_path / "pages.zip")) == seen(job_set)


def test_an_archive_may_be_written_to_a_pipe(job_set: ManagedJobSet, store: Store) -> None:
    file = io.BytesIO()
    manifest = archive.write_archive(store, job_set.record, file)
    assert manifest.job_set.name == "flips"
    assert zipfile.ZipFile(file).testzip() is None
