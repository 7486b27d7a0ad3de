"""A worker that holds a message outlives a restart of Redis; kombu 5.7.0 alone ends it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from jobset_protocol.urls import broker_url
from tests.servers import ValkeyServer
from tests.support import wait_until

ROOT = Path(__file__).parents[2]
StartWorker = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
def start_worker(valkey: ValkeyServer, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start(mended: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "MENDED": mended, "HELD_URL": valkey.url}
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tests.faults.held_message_app", "worker",
             "--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=ERROR",
             f"--logfile={tmp_path}/worker.log"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def hold(valkey: ValkeyServer, tmp_path: Path, name: str) -> Path:
    """Enqueue a task that says when it began; it ends when ``end`` is there."""
    with Celery(broker=broker_url(valkey.url), set_as_current=False) as app:
        app.send_task("held.hold", (str(tmp_path / name), str(tmp_path / "end")))
    return tmp_path / name


@pytest.mark.parametrize("mended", ["yes", "no"])
def test_a_worker_that_holds_a_message_when_redis_restarts(
    valkey: ValkeyServer,
    start_worker: StartWorker,
    tmp_path: Path,
    mended: str,
) -> None:
    worker = start_worker(mended)
    first = hold(valkey, tmp_path, "first")
    wait_until(first.exists, description="the first task to begin", timeout_seconds=30)
    valkey.kill()
    log = tmp_path / "worker.log"
    if mended == "no":
        # Once this fails, kombu has mended it and `worker.broker` may let go of it.
        wait_until(
            lambda: "Unrecoverable error: AttributeError" in log.read_text(),
            description="the worker to give up",
        )
        (tmp_path / "end").touch()
        wait_until(lambda: worker.poll() is not None, description="the worker to end")
        return
    wait_until(
        lambda: "Cannot connect" in log.read_text(), description="the worker to miss its server"
    )
    valkey.start()
    second = hold(valkey, tmp_path, "second")
    wait_until(second.exists, description="the worker to consume again", timeout_seconds=30)
    assert worker.poll() is None
    (tmp_path / "end").touch()
