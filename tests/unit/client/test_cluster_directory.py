"""Where a local cluster keeps its files."""

import tempfile
from pathlib import Path

import pytest

from jobset_client.supervision import directory as directory_module
from jobset_client.supervision.directory import (
    LONGEST_SOCKET_PATH_BYTES,
    ClusterDirectory,
    default_directory,
)
from jobset_protocol.errors import ClusterError


def test_the_default_directory_is_below_the_xdg_state_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert default_directory() == tmp_path / "jobset" / "local"
    assert default_directory("other") == tmp_path / "jobset" / "other"


@pytest.mark.parametrize("state_home", ["", "relative/path"])
def test_without_a_usable_xdg_state_home_it_is_below_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state_home: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", state_home)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert default_directory() == tmp_path / ".local" / "state" / "jobset" / "local"


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc", ".hidden", "a b"])
def test_a_name_that_would_leave_the_state_home_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        default_directory(name)


def test_everything_is_private(tmp_path: Path) -> None:
    # Given a data directory that others may read
    layout = ClusterDirectory(tmp_path / "cluster")
    layout.data.mkdir(parents=True, mode=0o755)

    # When the directory is prepared
    layout.path.chmod(0o700)
    layout.prepare()

    # Then its owner alone can enter it
    for part in (layout.path, layout.data, layout.fake, layout.log("worker").parent):
        assert part.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    with pytest.raises(ClusterError, match="only its owner"):
        ClusterDirectory(shared).prepare()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ClusterError, match="name another with directory="):
        ClusterDirectory(tmp_path / "file").prepare()


def test_a_short_path_holds_its_own_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("/home/me/.local/state/jobset/local")

    assert ClusterDirectory(path).socket() == path / "valkey.sock"


@pytest.mark.parametrize("name", ["deep" * 30, "with space", "100%"])
def test_a_path_that_cannot_hold_a_socket_gets_a_private_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Given a temporary directory with a short name
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)

        # When two directories ask, one of them twice
        mine = ClusterDirectory(tmp_path / name).socket()
        again = ClusterDirectory(tmp_path / name).socket()
        other = ClusterDirectory(tmp_path / f"{name}-other").socket()

        # Then each has its own, which the kernel would take
        assert mine == again
        assert mine != other
        assert mine.is_relative_to(short)
        assert len(bytes(mine)) <= LONGEST_SOCKET_PATH_BYTES
        assert mine.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_short_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given someone who put a link where the short directory belongs
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        layout = ClusterDirectory(tmp_path / "with space")
        place = layout.socket().parent
        place.rmdir()
        place.symlink_to(tmp_path)

        with pytest.raises(ClusterError, match="only its owner"):
            layout.socket()


def test_the_socket_limit_is_within_the_kernels() -> None:
    # The structure holds 104 bytes on macOS, the final zero among them.
    assert LONGEST_SOCKET_PATH_BYTES < 104


def test_large_logs_are_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a large log and a small one
    monkeypatch.setattr(directory_module, "LARGEST_LOG_BYTES", 10)
    layout = ClusterDirectory(tmp_path)
    layout.prepare()
    layout.log("worker").write_text("a long story")
    layout.log("watcher").write_text("short")

    layout.rotate_logs()

    assert not layout.log("worker").exists()
    assert (tmp_path / "logs" / "worker.log.1").read_text() == "a long story"
    assert layout.log("watcher").read_text() == "short"


def test_a_log_tail_is_its_last_lines(tmp_path: Path) -> None:
    layout = ClusterDirectory(tmp_path)
    layout.prepare()
    layout.log("worker").write_text("\n".join(f"line {number}" for number in range(10_000)))

    assert layout.log_tail("worker", lines=2) == "line 9998\nline 9999"
    assert layout.log_tail("absent") == ""
