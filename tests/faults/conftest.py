"""A cluster to be hurt: short leases, frequent sweeps, and the service that counts submissions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobset_client import JobManager, LocalCluster
from tests.faults.fleet import HURRIED, Fleet
from tests.faults.rows import HEADING, finished_rows


@dataclass
class HurtCluster:
    """A cluster and the judge of duplicates behind its ``fake-remote``."""

    cluster: LocalCluster
    manager: JobManager

    def pid(self, name: str) -> int:
        """Return the pid of one of the cluster's processes."""
        found = [p.pid for p in self.cluster.status().processes if p.name == name]
        assert found, f"{name} is not listed"
        assert found[0] is not None, f"{name} does not run"
        return found[0]

    def behave(self, **behaviour: Any) -> None:
        """Change how the provider behaves."""
        httpx.put(f"{self._service}/config", json=behaviour).raise_for_status()

    def submissions(self) -> dict[str, int]:
        """Return how many jobs the provider ever created, by tag."""
        stats = httpx.get(f"{self._service}/stats").raise_for_status().json()
        tags: dict[str, int] = stats["tags"]
        return tags

    def submissions_of(self, set_id: str) -> dict[str, int]:
        """Return how many jobs the provider ever made of each of a set's tags."""
        return {tag: n for tag, n in self.submissions().items() if f"-{set_id}-" in tag}

    @property
    def _service(self) -> str:
        port = (self.cluster.directory / "fake" / "port").read_text(encoding="ascii")
        return f"http://127.0.0.1:{port}"


@pytest.fixture
def hurt(tmp_path: Path) -> Iterator[HurtCluster]:
    with (
        LocalCluster(workers=2, directory=tmp_path, environment=HURRIED) as cluster,
        JobManager(cluster.url) as manager,
    ):
        yield HurtCluster(cluster, manager)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path) as fleet:
        yield fleet


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if finished_rows:
        terminalreporter.section("faults")
        for line in (HEADING, *sorted(finished_rows)):
            terminalreporter.write_line(line)
