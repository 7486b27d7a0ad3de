"""What a start knows of the cluster that it found, started or was interrupted at."""

import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from jobset_client import cluster as cluster_module
from jobset_client import readiness, supervisor
from jobset_client.cluster import LocalCluster
from jobset_client.supervision import launch as launch_module
from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.launch import SupervisorLaunch
from jobset_client.supervision.records import ClusterRecord
from jobset_protocol.errors import ClusterError, StoreUnavailableError


def record(config: Path) -> ClusterRecord:
    """A cluster of two workers whose supervisor is gone, and that was up for long."""
    return ClusterRecord(
        supervisor=ProcessIdentity(17, "another boot:4"),
        url="unix:///tmp/valkey.sock",
        workers=2,
        config=str(config),
        fake_port=None,
        started_at=12.5,
        versions={},
    )


def interrupted(*args: object, **options: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("code", "succeeded"), [(0, True), (supervisor.ALREADY_RUNNING, False)])
def test_an_interrupted_launch_knows_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, succeeded: bool
) -> None:
    # Given a supervisor that goes on with its start when Ctrl-C is pressed
    command = (sys.executable, "-S", "-c", f"raise SystemExit({code})")
    monkeypatch.setattr(launch_module, "python_command", lambda *_: command)
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    launch = SupervisorLaunch(ClusterDirectory(tmp_path), [], {}, time.monotonic() + 10)

    with pytest.raises(KeyboardInterrupt):
        launch.run()

    assert launch.succeeded is succeeded


def test_a_start_that_is_interrupted_stops_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a launch that succeeds while it is interrupted
    def succeed(self: SupervisorLaunch) -> NoReturn:
        self.succeeded = True
        raise KeyboardInterrupt

    stopped: list[LocalCluster] = []
    monkeypatch.setattr(SupervisorLaunch, "run", succeed)
    monkeypatch.setattr(LocalCluster, "stop", lambda self: stopped.append(self))  # noqa: PLW0108  (binds self)
    cluster = LocalCluster(directory=tmp_path / "cluster")

    with pytest.raises(KeyboardInterrupt):
        cluster.start()

    assert stopped == [cluster]


def test_settings_that_a_living_cluster_lacks_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a cluster of two workers
    config = tmp_path / "mine.toml"
    config.touch()
    there = record(tmp_path / "theirs.toml")
    monkeypatch.setattr(cluster_module, "living_record", lambda layout: there)
    cluster = LocalCluster(4, directory=tmp_path / "cluster", config=config)

    # When four are asked for, twice
    with caplog.at_level(logging.WARNING):
        cluster.start().start()

    # Then one warning names what differs
    [message] = caplog.messages
    assert "workers is 2, not 4" in message
    assert f"config is {there.config}, not {config}" in message


def test_who_asks_for_nothing_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster_module, "living_record", lambda layout: record(tmp_path))

    LocalCluster(directory=tmp_path / "a").start()
    LocalCluster(2, directory=tmp_path / "b").start()

    assert caplog.messages == []


def test_a_killed_supervisors_cluster_has_no_url(tmp_path: Path) -> None:
    cluster = LocalCluster(directory=tmp_path)
    record(tmp_path).write(tmp_path / "cluster.json")

    with pytest.raises(ClusterError, match="no cluster runs"):
        _ = cluster.url


class FailingStore:
    """A store whose server is gone."""

    def workers(self) -> NoReturn:
        raise StoreUnavailableError("no answer; see that JOBSET_URL is right")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("recorded", "message"), [(False, "was stopped while it started"), (True, "server failed")]
)
def test_a_cluster_stopped_while_it_starts_is_told_from_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool, message: str
) -> None:
    monkeypatch.setattr(readiness, "connect", lambda url: FailingStore())
    layout = ClusterDirectory(tmp_path)
    if recorded:
        record(tmp_path).write(layout.record)

    with pytest.raises(ClusterError, match=message):
        readiness.await_ready(layout, record(tmp_path), time.monotonic() + 10)
