"""Rows 2 and 10: a worker that dies, or freezes, at each step of a chunk's life."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jobset_client import ManagedJobSet
from jobset_protocol.messages import ChunkKey
from tests.circuits import small_circuits
from tests.faults import self_hurting
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import alive
from tests.faults.rows import row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)
MODULE = "tests.faults.self_hurting"
STEPS = [
    self_hurting.BEFORE_INTENT,
    self_hurting.INTENDED,
    self_hurting.POISED,
    self_hurting.SUBMITTED,
    self_hurting.RECORDED,
    self_hurting.COLLECTING,
    self_hurting.FETCHED,
]


def hurting(directory: Path, act: str, steps: list[str]) -> dict[str, str]:
    directory.mkdir(exist_ok=True)
    plan = {"directory": str(directory), "act": act, "steps": steps}
    return {"HURT": json.dumps(plan)}


def submitted(manager: Any, chunks: int) -> ManagedJobSet:
    job_set: ManagedJobSet = manager.run(
        small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10
    )
    return job_set


def test_row_2_killed_at_every_step(fleet: Fleet, tmp_path: Path) -> None:
    kills = sized(full=50, short=2) * len(STEPS)
    blows = tmp_path / "blows"
    fleet.behave(submit_latency_seconds=0.02, run_seconds=0.1)
    fleet.start_worker(module=MODULE, environment=hurting(blows, "kill", STEPS), wait=False)
    fleet.start_watcher()
    wait_until(lambda: fleet.announced("worker") == 1, description="the worker")
    with (
        fleet.manager() as manager,
        row(2, "a child killed -9 at each of 7 steps", within_seconds=150) as this,
    ):
        job_set = submitted(manager, kills)
        this.judge(fleet, job_set, timeout_seconds=145)
        this.kills = len(list(blows.iterdir()))
        assert this.kills == kills


def test_row_10_frozen_past_the_lease(fleet: Fleet, tmp_path: Path) -> None:
    """A worker's processes stop, each at a step; another worker goes on; then the first wake."""
    steps = [step for step in STEPS if step != self_hurting.RECORDED]
    chunks = sized(full=4, short=1) * len(steps)
    blows = tmp_path / "blows"
    fleet.behave(run_seconds=0.1)
    fleet.start_watcher(wait=False)
    fleet.start_worker(
        module=MODULE, concurrency=chunks, environment=hurting(blows, "freeze", steps)
    )
    with (
        fleet.manager() as manager,
        row(10, "a child frozen past its lease, at 6 steps", within_seconds=90) as this,
    ):
        job_set = submitted(manager, chunks)
        wait_until(
            lambda: len(list(blows.iterdir())) == chunks, description="every child to be frozen"
        )
        fleet.start_worker()
        job_set.results(timeout=60)
        pids = {int(mark.name): int(mark.read_text()) for mark in blows.iterdir()}
        assert all(alive(pid) for pid in pids.values()), "they were to sleep until now"
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
        # Whoever woke before its submission was ended by the kernel; the others are refused.
        poised = [
            pid for index, pid in pids.items() if steps[index % len(steps)] == self_hurting.POISED
        ]
        wait_until(lambda: not any(map(alive, poised)), description="the zombies' end")
        submitted(manager, 2 * chunks).results(timeout=60)
        this.kills = len(pids)
        this.judge(fleet, job_set, timeout_seconds=5)
        keys = [ChunkKey(job_set.job_set_id(), index) for index in range(chunks)]
        assert not any(record.extra_jobs for record in fleet.store.chunks(keys))
