"""Row 20: random histories of job sets on a real server, deaths between any two commands included.

``JOBSET_HISTORIES`` is the number of histories, if it shall be another than the row's.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.model.client_rules import ClientRules
from tests.faults.model.invariants import Invariants
from tests.faults.model.watcher_rules import WatcherRules
from tests.faults.model.worker_rules import WorkerRules
from tests.faults.model.world import World
from tests.faults.rows import row, sized
from tests.servers import ValkeyServer

HISTORIES = int(os.environ.get("JOBSET_HISTORIES", sized(full=2000, short=100)))
SETTINGS = settings(
    max_examples=HISTORIES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    database=None,
    print_blob=True,
)


class JobSetMachine(ClientRules, WorkerRules, WatcherRules, Invariants):
    """Clients, workers, watchers and a provider, and what must hold whatever they do."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    # What workers and watchers warn of is what happens here all the time.
    logging.disable()
    server = ValkeyServer(tmp_path)
    server.start("--appendfsync", "no")
    JobSetMachine.world = World(server.url)
    yield JobSetMachine.world
    JobSetMachine.world.close()
    server.close()
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(60 + HISTORIES)
def test_row_20_random_histories(world: World) -> None:
    fault = f"{HISTORIES} random histories, deaths anywhere"
    with row(20, fault, within_seconds=30 + HISTORIES / 5) as this:
        this.chunks, this.judged = HISTORIES, True
        try:
            run_state_machine_as_test(JobSetMachine, settings=SETTINGS)
        finally:
            this.kills = world.lifeline.deaths
