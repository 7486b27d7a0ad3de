"""What a cluster runs: each process's command line and environment."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.records import SERVER
from jobset_client.supervision.server import server_command

_SITE_DIRECTORIES = ("site-packages", "dist-packages")
CELERY_ADDRESSES = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_READ_URL",
    "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
)
"""Celery prefers them to what it is given: another project's broker, then."""

_WRITER_STOP_SECONDS = 12.0
_PROVIDER_STOP_SECONDS = 3.0
_SERVER_STOP_SECONDS = 10.0
LONGEST_STOP_SECONDS = _WRITER_STOP_SECONDS + _PROVIDER_STOP_SECONDS + _SERVER_STOP_SECONDS
"""What the processes may take together: those of one turn stop at the same time."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What the user asked for.

    Args:
        directory: Where the cluster lives.
        workers: Processes that run chunks, at least 1.
        config: The workers' TOML file; ``None`` for the one that the supervisor writes.
        fake: How the fake provider's service behaves; ``None`` for no service.
    """

    directory: ClusterDirectory
    workers: int
    config: Path | None = None
    fake: Mapping[str, Any] | None = None

    @property
    def worker_config(self) -> Path:
        """The TOML file that the workers read."""
        return self.config or self.directory.backends


class StopTurn(Enum):
    """When a process stops, in this order: nobody may lose whom it writes to."""

    WRITER = auto()
    PROVIDER = auto()
    SERVER = auto()


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process that a supervisor keeps alive.

    Args:
        name: Names its log, too.
        command: Program and arguments.
        environment: The whole of it.
        stops: Its turn when the cluster stops.
        stop_seconds: How long it may take to stop before it is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stops: StopTurn
    stop_seconds: float


def python_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line that runs a module of ours with this interpreter.

    ``-P``: a user's own ``worker`` folder in the working directory must not be run instead.
    """
    return (sys.executable, "-P", "-m", module, *arguments)


def python_environment(base: Mapping[str, str], package_root: Path) -> dict[str, str]:
    """Return an environment in which a Python process finds the packages beside this one.

    An installed package is found anyway; a source tree is put first, so that both sides are
    of one version.  Celery's own settings of a broker are left out.

    >>> python_environment({"PYTHONPATH": "/a"}, Path("/src"))["PYTHONPATH"]
    '/src:/a'
    >>> python_environment({}, Path("/usr/lib/python3/site-packages"))
    {'PYTHONUNBUFFERED': '1'}
    """
    environment = {name: value for name, value in base.items() if name not in CELERY_ADDRESSES}
    environment["PYTHONUNBUFFERED"] = "1"
    if package_root.name not in _SITE_DIRECTORIES:
        paths = [str(package_root), *filter(None, [base.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def package_root() -> Path:
    """Return the folder that holds our packages."""
    return Path(__file__).resolve().parents[2]


def server_spec(plan: ClusterPlan, binary: Path, socket_path: Path) -> ProcessSpec:
    """Describe the server."""
    command = server_command(binary, data=plan.directory.data, socket_path=socket_path)
    return ProcessSpec(SERVER, command, os.environ, StopTurn.SERVER, _SERVER_STOP_SECONDS)


def python_specs(plan: ClusterPlan, *, url: str, fake_port: int | None) -> list[ProcessSpec]:
    """Describe the processes that need the server, in the order in which they start."""
    environment = python_environment(os.environ, package_root())
    environment |= {"JOBSET_URL": url, "JOBSET_CONFIG": str(plan.worker_config)}
    # Worker processes share the cores already: more threads each only get in their way.
    environment.setdefault("OMP_NUM_THREADS", "1")
    worker = python_command("worker", "worker", "--concurrency", str(plan.workers))
    watcher = python_command("worker", "watcher")
    specs = [
        ProcessSpec("worker", worker, environment, StopTurn.WRITER, _WRITER_STOP_SECONDS),
        ProcessSpec("watcher", watcher, environment, StopTurn.WRITER, _WRITER_STOP_SECONDS),
    ]
    if fake_port is not None:
        service = python_command(
            "worker.providers.fake_service",
            *("--port", str(fake_port), "--directory", str(plan.directory.fake)),
            *("--config", str(plan.directory.fake_behaviour)),
        )
        specs.append(
            ProcessSpec("fake", service, environment, StopTurn.PROVIDER, _PROVIDER_STOP_SECONDS)
        )
    return specs


def choose_fake_port(directory: ClusterDirectory) -> int:
    """Return the port that the fake service had the last time, or a free one.

    It is fixed before the service starts: the workers' configuration names it, and jobs
    that a stopped cluster left are asked for at the same address.
    """
    try:
        last = int((directory.fake / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        last = 0
    return _free_port(last) or _free_port(0)


def _free_port(port: int) -> int:
    with socket.socket(socket.AF_INET) as probe:
        # As a server does it: connections that linger after a stop do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return 0
        return int(probe.getsockname()[1])


def backends_toml(fake_port: int | None) -> str:
    """Return the configuration of a cluster for which the user gave none.

    >>> import tomllib
    >>> sorted(tomllib.loads(backends_toml(4711))["backends"])
    ['aer', 'fake', 'fake-remote']
    """
    lines = [
        "# Written anew at each start of the local cluster.  To change it, copy it and give the",
        "# copy as LocalCluster(config=...) or `jobset up --config`.",
        "[backends.aer]",
        'provider = "aer"',
        "",
        "[backends.fake]",
        'provider = "fake"',
    ]
    if fake_port is not None:
        lines += [
            "",
            "[backends.fake-remote]",
            'provider = "fake"',
            f'service_url = "http://127.0.0.1:{fake_port}"',
        ]
    return "\n".join(lines) + "\n"
