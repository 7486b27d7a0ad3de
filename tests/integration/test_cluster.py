"""A local cluster with a real server and real processes, and what it survives."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from jobset_client.cluster import ClusterStatus, LocalCluster, ProcessState, attach_or_start
from jobset_client.supervision.commands import choose_fake_port, package_root, python_environment
from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_protocol.errors import ClusterError
from jobset_protocol.messages import SetRecord
from jobset_protocol.store import connect
from tests.support import wait_until

NAMES = ["supervisor", "valkey", "worker", "watcher", "fake"]
SET = SetRecord("5f" * 16, "kept", "aer", "me", circuit_count=10, chunk_size=4)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that several tests attach to and hurt; each leaves it whole."""
    directory = tmp_path_factory.mktemp("cluster")
    with LocalCluster(directory=directory, fake={"max_running": 7}) as cluster:
        yield cluster


def pid_of(status: ClusterStatus, name: str) -> int:
    pid = status.pid_of(name)
    assert pid is not None, f"{name} does not run: {status}"
    return pid


def groups(status: ClusterStatus) -> set[int]:
    """Every process of a cluster leads a group, to which its own children belong."""
    return {pid_of(status, process.name) for process in status.processes}


def alive_in(group_ids: set[int]) -> list[int]:
    """Return the processes that are left in these groups."""
    if Path("/proc").is_dir():
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    else:
        table = subprocess.run(["/bin/ps", "-A", "-o", "pid="], capture_output=True, check=True)
        pids = [int(pid) for pid in table.stdout.split()]
    return [pid for pid in pids if group_of(pid) in group_ids and ProcessIdentity.of(pid).is_alive]


def group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def keep_a_set(cluster: LocalCluster) -> None:
    with contextlib.closing(connect(cluster.url)) as store:
        store.create_set(SET, b"names")


def kept_names(cluster: LocalCluster) -> bytes:
    with contextlib.closing(connect(cluster.url)) as store:
        [names] = store.names(SET.set_id)
        return names


def test_a_started_cluster_is_ready(running: LocalCluster) -> None:
    # When a cluster was started
    status = running.status()

    # Then every process runs, and worker and watcher have announced the default backends
    assert status.running
    assert running.started
    assert [process.name for process in status.processes] == NAMES
    assert {process.state for process in status.processes} == {ProcessState.RUNNING}
    assert status.versions.keys() == {"jobset", "python", "valkey"}
    with contextlib.closing(connect(running.url)) as store:
        workers = {worker.role: worker for worker in store.workers()}
        report = store.require_fit_server()
    assert set(workers["worker"].backends) == {"aer", "fake", "fake-remote"}
    assert workers["watcher"].pid == status.pid_of("watcher")
    # and the server is one to which data may be given
    assert report.warnings == ()


def test_the_fake_service_behaves_as_it_was_told(running: LocalCluster) -> None:
    port = (running.directory / "fake" / "port").read_text()

    with urlopen(f"http://127.0.0.1:{port}/config") as answer:
        behaviour = json.load(answer)

    assert behaviour["max_running"] == 7


def test_another_process_attaches_to_it(running: LocalCluster) -> None:
    code = (
        "import sys; from jobset_client.cluster import attach_or_start; "
        "cluster = attach_or_start(directory=sys.argv[1]); print(cluster.started, cluster.url)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code, str(running.directory)],
        env=python_environment(os.environ, package_root()),
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.split() == ["False", running.url]


def test_who_attached_leaves_it_alone(running: LocalCluster) -> None:
    before = groups(running.status())

    with LocalCluster(directory=running.directory) as attached:
        assert not attached.started

    assert groups(running.status()) == before


def test_who_wants_other_settings_is_told(
    running: LocalCluster, caplog: pytest.LogCaptureFixture
) -> None:
    attached = LocalCluster(workers=4, directory=running.directory).start()

    assert "workers is 2, not 4" in caplog.text
    assert attached.status().workers == 2


def test_an_interrupted_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given Ctrl-C as soon as the launch is waited for
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    cluster = LocalCluster(directory=tmp_path / "cluster")

    with pytest.raises(KeyboardInterrupt):
        cluster.start()

    # Then what was started is stopped again, and has been there
    assert cluster.status().processes == ()
    assert "down" in (cluster.directory / "logs" / "supervisor.log").read_text()


def test_a_killed_server_comes_back_with_its_data(running: LocalCluster) -> None:
    # Given a set in the store, and a second in which the server wrote it to the disk
    keep_a_set(running)
    pid = pid_of(running.status(), "valkey")

    # When the server is killed
    os.kill(pid, signal.SIGKILL)

    # Then it is started again and still has the set, and nobody else was restarted
    wait_until(lambda: has_another(running, "valkey", pid), description="another server")
    assert kept_names(running) == b"names"
    restarts = {process.name: process.restarts for process in running.status().processes}
    assert restarts == {name: int(name == "valkey") for name in NAMES}


def test_a_killed_worker_is_started_again(running: LocalCluster) -> None:
    pid = pid_of(running.status(), "worker")

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: has_another(running, "worker", pid), description="another worker")
    wait_until(lambda: not alive_in({pid}), description="the end of the old worker's children")
    announced = pid_of(running.status(), "worker")
    with contextlib.closing(connect(running.url)) as store:
        wait_until(
            lambda: announced in [worker.pid for worker in store.workers()],
            description="the new worker's announcement",
        )


def has_another(cluster: LocalCluster, name: str, old_pid: int) -> bool:
    status = cluster.status()
    return status.running and status.pid_of(name) not in (None, old_pid)


def test_two_starts_at_once_make_one_cluster_and_its_end_leaves_no_process(tmp_path: Path) -> None:
    # When two start the same directory at the same time, under a path too long for a socket
    path = tmp_path / ("long" * 30)
    clusters = [LocalCluster(directory=path) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda cluster: cluster.start(), clusters))

    # Then one of them started it, and both have it
    assert sorted(cluster.started for cluster in clusters) == [False, True]
    assert clusters[0].url == clusters[1].url
    status, url = clusters[0].status(), clusters[0].url

    # When it is stopped by the one that did not start it
    next(cluster for cluster in clusters if not cluster.started).stop()

    # Then nothing of it is left but its data
    assert alive_in(groups(status)) == []
    assert not clusters[0].status().running
    assert not (path / "cluster.json").exists()
    assert not Path(urlsplit(url).path).parent.exists()


def test_a_killed_supervisor_leaves_nothing_that_hinders_the_next_start(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Given a cluster with a set, whose supervisor is killed
    first = attach_or_start(directory=tmp_path)
    request.addfinalizer(first.stop)
    keep_a_set(first)
    before = first.status()
    os.kill(pid_of(before, "supervisor"), signal.SIGKILL)

    # When it is started again at once
    with LocalCluster(directory=tmp_path) as second:
        # Then all processes are new, none of the old is left, and the set is there
        assert second.started
        assert groups(second.status()).isdisjoint(groups(before))
        wait_until(lambda: not alive_in(groups(before)), description="the old processes to end")
        assert kept_names(second) == b"names"


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    # Given data that the server cannot read
    layout = ClusterDirectory(tmp_path)
    layout.prepare()
    (layout.data / "appendonlydir").write_text("not a directory")

    # When a cluster is started there
    with pytest.raises(ClusterError, match="appendonlydir") as caught:
        LocalCluster(directory=tmp_path).start()

    # Then the error names the log, and nothing runs
    assert str(layout.log("valkey")) in str(caught.value)
    assert LocalCluster(directory=tmp_path).status().processes == ()


def test_a_worker_that_does_not_start_is_told_with_its_log(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Given a configuration that no worker accepts
    config = tmp_path / "broken.toml"
    config.write_text("[backends.aer]\nprovider = 'nobody'\n")
    cluster = LocalCluster(directory=tmp_path / "cluster", config=config)
    request.addfinalizer(cluster.stop)

    # When it is started, then it fails long before its time is up, in the log's words
    with pytest.raises(ClusterError, match="keeps dying") as caught:
        cluster.start()

    assert "nobody" in str(caught.value)
    assert cluster.status().processes == ()


def test_the_fake_service_keeps_its_port(tmp_path: Path) -> None:
    # Given a directory where the service once had a port
    layout = ClusterDirectory(tmp_path)
    layout.prepare()
    port = choose_fake_port(layout)
    (layout.fake / "port").write_text(str(port))

    # Then it gets the same again, unless someone else has it
    assert choose_fake_port(layout) == port
    with socket.create_server(("127.0.0.1", port)):
        assert choose_fake_port(layout) not in (0, port)
