"""Row 9: a client is killed.  Row 16: a client is given more than anybody takes."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults import dying_clients
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import ROOT, Member, alive
from tests.faults.rows import Row, row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

KEY = "night 1"
KEYED = (dying_clients.CREATED, dying_clients.KEYED, dying_clients.STORED, dying_clients.SENT)
CHUNKS = sized(full=200, short=15)
NEVER_SENT = {ChunkStatus.UNSENT, ChunkStatus.FAILED}
"""FAILED from the moment on when the watcher has given them up."""


class Clients:
    """Processes that run sets and are killed, each known by its name."""

    def __init__(self, fleet: Fleet, directory: Path, clients: list[dict[str, Any]]) -> None:
        directory.mkdir()
        self._directory = directory
        plan = {"directory": str(directory), "clients": clients}
        command = [os.environ.get("PYTHON", "python"), "-m", dying_clients.__name__]
        environment = {"CLIENTS": json.dumps(plan), "JOBSET_URL": fleet.valkey.url}
        self._parent = Member("clients", command, environment, directory)
        assert ROOT.exists()
        fleet.members.append(self._parent)

    def require_killed(self, name: str) -> None:
        """Wait for a client's end, and demand that it was killed -9."""
        end = self._directory / f"{name}.end"
        wait_until(end.exists, description=f"the end of client {name!r}", timeout_seconds=40)
        assert int(end.read_text()) == -signal.SIGKILL, self._parent.tail()

    def kill(self, name: str) -> None:
        """Kill a client that lives."""
        pid = int((self._directory / f"{name}.pid").read_text())
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)
        self.require_killed(name)


