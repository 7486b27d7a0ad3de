"""A store, a provider's service, workers and watchers, each started by itself and hurt alone.

Unlike a ``LocalCluster``, nothing is started again when it dies, every process may have an
environment and an address of the store of its own, and workers may be ones that hurt themselves.
"""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from jobset_client import JobManager
from jobset_protocol.store import connect
from tests.faults.processes import Member
from tests.servers import ValkeyServer
from tests.support import wait_until

HURRIED = {
    "JOBSET_LEASE_SECONDS": "3",
    "JOBSET_SWEEP_SECONDS": "1",
    "JOBSET_POLL_MIN_SECONDS": "0.2",
    "JOBSET_DRAIN_SECONDS": "3",
}
"""Short leases, frequent sweeps and polls: the same life, faster."""
ALIAS = "remote"


class Provider:
    """The stand-in's service: it outlives workers and judges duplicates.

    Args:
        directory: For its jobs, its port and its log.
    """

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-m", "tests.standins.quantum_service",
                   "--directory", str(directory)]  # fmt: skip
        self.member = Member("provider", command, {}, directory)
        port = directory / "port"
        wait_until(port.exists, description="the provider to listen")
        self.url = f"http://127.0.0.1:{port.read_text(encoding='ascii')}"

    def behave(self, **behaviour: Any) -> None:
        """Change how it behaves."""
        httpx.put(f"{self.url}/config", json=behaviour).raise_for_status()

    def stats(self) -> dict[str, Any]:
        """Return what it counted."""
        counted: dict[str, Any] = httpx.get(f"{self.url}/stats").raise_for_status().json()
        return counted

    def submissions_of(self, set_id: str) -> dict[str, int]:
        """Return how many jobs it ever made of each of a set's tags."""
        return {tag: n for tag, n in self.stats()["tags"].items() if f"-{set_id}-" in tag}


class Fleet:
    """Everything of a cluster; starts with a store and a provider, and no worker.

    Args:
        directory: For data and logs.
        tables: TOML of further backends, or keys for the table of ``remote`` by starting with
            none of ``[``: they follow that table.
    """

    def __init__(self, directory: Path, tables: str = "") -> None:
        self.directory = directory
        self.valkey = ValkeyServer(directory)
        self.members: list[Member] = []
        self._stack = contextlib.ExitStack()
        self._tables = tables

    def __enter__(self) -> Self:
        try:
            self.valkey.start()
            self._stack.callback(self.valkey.close)
            self.provider = Provider(self.directory)
            self._stack.callback(self.provider.member.kill)
            self.config = self.directory / "backends.toml"
            self.config.write_text(
                f'[backends.{ALIAS}]\nprovider = "fake"\nservice_url = "{self.provider.url}"\n'
                f"{self._tables}"
            )
            self.store = self._stack.enter_context(contextlib.closing(connect(self.valkey.url)))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self.members:
            if kind is not None:
                print(f"== {member.name} ==\n{member.tail()}")
            member.kill()
        self._stack.close()

    def start_worker(
        self,
        *,
        concurrency: int = 2,
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = "worker",
        prefix: Sequence[str] = (),
        wait: bool = True,
    ) -> Member:
        """Start a worker.

        Args:
            concurrency: Processes that run chunks.
            url: The store as this worker reaches it; the store itself by default.
            environment: Added to the hurried one.
            module: What is run in place of ``worker``.
            prefix: A command that runs it, such as ``faketime``.
            wait: Return only when it has announced itself.
        """
        arguments = ["worker", "--concurrency", str(concurrency)]
        return self._start("worker", arguments, url, environment, module, prefix, wait=wait)

    def start_watcher(
        self,
        *,
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = "worker",
        prefix: Sequence[str] = (),
        wait: bool = True,
    ) -> Member:
        """Start a watcher; see :meth:`start_worker`."""
        return self._start("watcher", ["watcher"], url, environment, module, prefix, wait=wait)

    def manager(self, url: str | None = None) -> JobManager:
        """Return a client; the caller closes it."""
        return JobManager(url or self.valkey.url, owner="tester")

    def behave(self, **behaviour: Any) -> None:
        """Change how the provider behaves."""
        self.provider.behave(**behaviour)

    def submissions_of(self, set_id: str) -> dict[str, int]:
        """Return how many jobs the provider ever made of each of a set's tags."""
        return self.provider.submissions_of(set_id)

    def announced(self, role: str) -> int:
        """Return how many workers, or watchers, are alive by their own word."""
        return sum(record.role == role for record in self.store.workers())

    def _start(
        self,
        role: str,
        arguments: Sequence[str],
        url: str | None,
        environment: Mapping[str, str] | None,
        module: str,
        prefix: Sequence[str],
        *,
        wait: bool,
    ) -> Member:
        before = self.announced(role)
        name = f"{role}-{sum(each.name.startswith(role) for each in self.members)}"
        own = {
            **HURRIED,
            "JOBSET_URL": url or self.valkey.url,
            "JOBSET_CONFIG": str(self.config),
            **(environment or {}),
        }
        command = [*prefix, sys.executable, "-m", module, *arguments]
        member = Member(name, command, own, self.directory)
        self.members.append(member)
        if wait:
            wait_until(
                lambda: self.announced(role) > before or not member.running,
                description=f"{name} to announce itself",
                timeout_seconds=40,
            )
            assert member.running, member.tail()
        return member
