"""The daemon that keeps a local cluster's processes alive: ``python -m jobset_client.supervisor``.

One small process a directory.  It starts the server, then the worker, the watcher and the fake
provider's service; starts again whatever dies; and on SIGTERM stops them in the order in which
nothing is lost: first who writes to the server, then the server.

The starter waits for this program's exit code: 0 once the server answers (the daemon lives on),
3 when another supervisor has the directory, 1 with the reason on standard error.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import platform
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jobset_client.supervision import lock
from jobset_client.supervision.child import Child
from jobset_client.supervision.commands import (
    ClusterPlan,
    ProcessSpec,
    StopTurn,
    backends_toml,
    choose_fake_port,
    python_specs,
    server_spec,
)
from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.leftovers import end_leftovers
from jobset_client.supervision.records import (
    SUPERVISOR,
    ClusterRecord,
    Ledger,
    ProcessRecord,
    write_whole,
)
from jobset_client.supervision.server import answers, server_binary, server_version
from jobset_protocol.errors import ClusterError

FAILED = 1
ALREADY_RUNNING = 3
_UP = b"up"
_POLL_SECONDS = 0.01
_log = logging.getLogger("jobset.supervisor")


class Wakeups:
    """Lets a loop sleep until a signal comes or a child ends."""

    def __init__(self) -> None:
        self.stopping = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        # Without a handler of its own a signal does not write to the wake-up descriptor.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def sleep(self, seconds: float | None) -> None:
        """Sleep, for ever when ``seconds`` is ``None``, or until the next signal."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            self._reader.recv(4096)

    def _stop(self, *_: object) -> None:
        self.stopping = True


class Supervisor:
    """The processes of one cluster.

    Args:
        plan: What to run.
        wakeups: What ends its sleep.
    """

    def __init__(self, plan: ClusterPlan, wakeups: Wakeups) -> None:
        self._plan = plan
        self._directory = plan.directory
        self._wakeups = wakeups
        self._started_at = time.time()
        self._identity = ProcessIdentity.of(os.getpid())
        self._children: list[Child] = []

    def start(self, deadline: float) -> None:
        """Start everything; returns when the server answers.

        Raises:
            ClusterError: The server cannot be started.
        """
        for name in end_leftovers(Ledger.read(self._directory.ledger)):
            _log.warning("ended a %s that a killed supervisor had left", name)
        binary = server_binary()
        versions = _versions(server_version(binary))
        socket_path = self._directory.socket()
        self._start_child(server_spec(self._plan, binary, socket_path))
        self._await_server(socket_path, deadline)
        fake_port = None
        if self._plan.fake is not None:
            fake_port = choose_fake_port(self._directory)
            write_whole(self._directory.fake_behaviour, dict(self._plan.fake))
        self._directory.backends.write_text(backends_toml(fake_port), encoding="utf-8")
        url = f"unix://{socket_path}"
        for spec in python_specs(self._plan, url=url, fake_port=fake_port):
            self._start_child(spec)
        ClusterRecord(
            supervisor=self._identity,
            url=url,
            workers=self._plan.workers,
            config=str(self._plan.worker_config),
            fake_port=fake_port,
            started_at=self._started_at,
            versions=versions,
        ).write(self._directory.record)
        _log.info("up: %s", url)

    def run(self) -> None:
        """Keep the processes alive until a signal asks for the end."""
        while not self._wakeups.stopping:
            changed = False
            for child in self._children:
                code = child.reap()
                if code is not None:
                    _log.warning("%s ended with code %s", child.spec.name, code)
                if child.seconds_until_start() == 0:
                    child.start()
                    changed = True
                    _log.warning("started %s again (%d)", child.spec.name, child.restarts)
            if changed:
                # A full disk must not end what may recover from it.
                try:
                    self._write_ledger()
                except OSError as error:
                    _log.error("cannot record the processes: %s", error)
            waits = [child.seconds_until_start() for child in self._children]
            self._wakeups.sleep(min((wait for wait in waits if wait is not None), default=None))

    def stop(self) -> None:
        """Stop who writes to the server, then the fake service, then the server."""
        self._directory.record.unlink(missing_ok=True)
        for turn in StopTurn:
            self._stop_together([child for child in self._children if child.spec.stops is turn])
        self._directory.ledger.unlink(missing_ok=True)
        self._directory.forget_socket()
        _log.info("down")

    def _start_child(self, spec: ProcessSpec) -> None:
        log = self._directory.log(spec.name)
        child = Child(spec, log=log, directory=self._directory.path)
        self._children.append(child)
        child.start()
        self._write_ledger()

    def _await_server(self, socket_path: Path, deadline: float) -> None:
        server = self._children[0]
        while not answers(socket_path):
            if server.reap() is not None or not server.is_running:
                raise ClusterError(f"the server ended at once:\n{self._server_log()}")
            if self._wakeups.stopping:
                raise ClusterError("the start was interrupted")
            if time.monotonic() > deadline:
                raise ClusterError(f"the server did not answer in time:\n{self._server_log()}")
            self._wakeups.sleep(_POLL_SECONDS)

    def _server_log(self) -> str:
        name = self._children[0].spec.name
        return f"{self._directory.log_tail(name)}\n(the end of {self._directory.log(name)})"

    def _stop_together(self, children: Sequence[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        asked_at = time.monotonic()
        for child in children:
            deadline = asked_at + child.spec.stop_seconds
            while child.is_running and time.monotonic() < deadline:
                if child.reap() is None:
                    self._wakeups.sleep(max(0.0, deadline - time.monotonic()))
            if child.is_running:
                _log.warning("%s did not stop and is killed", child.spec.name)
                child.kill()

    def _write_ledger(self) -> None:
        own = ProcessRecord(SUPERVISOR, self._identity, self._started_at)
        Ledger((own, *(child.record for child in self._children))).write(self._directory.ledger)


def _versions(server: str) -> dict[str, str]:
    try:
        ours = importlib.metadata.version("jobset")
    except importlib.metadata.PackageNotFoundError:
        ours = "source"
    return {"jobset": ours, "python": platform.python_version(), "valkey": server}


def _supervise(plan: ClusterPlan, deadline: float, starter: int) -> int:
    """Be the daemon: tell the starter how the start went, then run to the end."""
    plan.directory.rotate_logs()
    _detach(plan.directory)
    supervisor = Supervisor(plan, Wakeups())
    try:
        answer = _UP
        try:
            supervisor.start(deadline)
        except (ClusterError, OSError) as error:
            answer = str(error).encode()
            _log.error("%s", error)
        os.write(starter, answer)
        os.close(starter)
        if answer == _UP:
            supervisor.run()
    except BrokenPipeError:
        _log.error("the starter is gone")
    finally:
        supervisor.stop()
    return 0


def _detach(directory: ClusterDirectory) -> None:
    """Leave the starter's session, terminal and output."""
    os.setsid()
    os.umask(0o077)
    os.chdir(directory.path)
    log = os.open(directory.log(SUPERVISOR), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


def _await_answer(reader: int) -> int:
    """Wait as the starter's child until the daemon says how its start went."""
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    if answer == _UP:
        return 0
    print(answer.decode() or "the supervisor died; see its log", file=sys.stderr)
    return FAILED


def _arguments(argv: Sequence[str] | None) -> tuple[ClusterPlan, float]:
    parser = argparse.ArgumentParser(prog="python -m jobset_client.supervisor")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--fake", type=json.loads, help="the fake service's behaviour, as JSON")
    parser.add_argument("--timeout-seconds", type=float, default=60.0)
    parsed = parser.parse_args(argv)
    directory = ClusterDirectory(parsed.directory.resolve())
    plan = ClusterPlan(directory, parsed.workers, parsed.config, parsed.fake)
    return plan, time.monotonic() + parsed.timeout_seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Start the daemon; see the module for the exit codes."""
    plan, deadline = _arguments(argv)
    try:
        plan.directory.prepare()
    except ClusterError as error:
        print(error, file=sys.stderr)
        return FAILED
    if lock.take(plan.directory.lock) is None:
        return ALREADY_RUNNING
    reader, writer = os.pipe()
    # The fork shares the lock and keeps it when this process exits.
    if os.fork() > 0:
        os.close(writer)
        return _await_answer(reader)
    os.close(reader)
    return _supervise(plan, deadline, writer)


if __name__ == "__main__":
    raise SystemExit(main())
