"""The files in which a cluster tells of itself."""

from pathlib import Path

import pytest

from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.records import ClusterRecord, Ledger, ProcessRecord, write_whole

RECORD = ClusterRecord(
    supervisor=ProcessIdentity(17, "boot:4"),
    url="unix:///tmp/valkey.sock",
    workers=2,
    config="/tmp/backends.toml",
    fake_port=4711,
    started_at=12.5,
    versions={"valkey": "9.1.2"},
)
LEDGER = Ledger(
    (
        ProcessRecord("supervisor", ProcessIdentity(17, "boot:4"), 12.5),
        ProcessRecord("worker", ProcessIdentity(18, "boot:5"), 13.5, restarts=3),
    )
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    RECORD.write(tmp_path / "cluster.json")
    LEDGER.write(tmp_path / "processes.json")

    assert ClusterRecord.read(tmp_path / "cluster.json") == RECORD
    assert Ledger.read(tmp_path / "processes.json") == LEDGER
    assert LEDGER.named("worker") == LEDGER.processes[1]
    assert LEDGER.named("watcher") is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"processes": 3, "supervisor": 4}'])
def test_what_cannot_be_read_counts_as_absent(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "file.json"
    if text is not None:
        path.write_text(text)

    assert ClusterRecord.read(path) is None
    assert Ledger.read(path) == Ledger()


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_whole(path, {"old": True})

    with pytest.raises(TypeError):
        write_whole(path, {"new": object()})

    assert path.read_text() == '{\n "old": true\n}'
    assert list(tmp_path.iterdir()) == [path]


def test_records_are_private(tmp_path: Path) -> None:
    RECORD.write(tmp_path / "cluster.json")

    assert (tmp_path / "cluster.json").stat().st_mode & 0o077 == 0
