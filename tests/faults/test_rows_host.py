"""Rows 11 and 12: a host's clock is wrong, or its memory is too small."""

import re
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from jobset_client import ManagedJobSet
from jobset_protocol.messages import ChunkKey, ChunkRecord
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, HURRIED, Fleet
from tests.faults.greedy_backend import GREEDY
from tests.faults.memory_groups import memory_group
from tests.faults.processes import Member
from tests.faults.rows import Row, row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

HOUR_SECONDS = 3600.0
LEASE_SECONDS = float(HURRIED["JOBSET_LEASE_SECONDS"])
TRIES = 3
MEGABYTE = 1024 * 1024


def records(fleet: Fleet, job_set: ManagedJobSet) -> list[ChunkRecord]:
    set_id = job_set.job_set_id()
    return fleet.store.chunks([ChunkKey(set_id, index) for index in range(len(job_set.statuses()))])


def hours_ahead(member: Member) -> float:
    """Return how far ahead a process's clock is, by the last line of its log."""
    written = re.findall(r"^\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", member.log.read_text(), re.M)
    seconds = datetime.fromisoformat(written[-1]).timestamp() - time.time()
    return round(seconds / HOUR_SECONDS, 1)


def start_with_wrong_clocks(fleet: Fleet) -> None:
    """Start a worker ahead of the time, one behind it, and a watcher ahead of it."""
    environment = {"DONT_FAKE_MONOTONIC": "1"}

    def prefix(offset: str) -> Sequence[str]:
        return ("faketime", "-f", offset)

    fleet.start_worker(prefix=prefix("+2h"), environment=environment, wait=False)
    fleet.start_worker(prefix=prefix("-2h"), environment=environment, wait=False)
    fleet.start_watcher(prefix=prefix("+2h"), environment=environment, wait=False)
    wait_until(
        lambda: (fleet.announced("worker"), fleet.announced("watcher")) == (2, 1),
        description="two workers and a watcher",
        timeout_seconds=40,
    )


def assert_sane_times(fleet: Fleet, job_set: ManagedJobSet, begun: float) -> None:
    now = fleet.store.now()
    for record in records(fleet, job_set):
        assert record.tries == {}, f"recovered early: {record}"
        # The last claim is that of the collection.
        times = [record.queued_at, record.submitted_at, record.running_at, record.claimed_at]
        passed = [begun, *(each for each in times if each), record.finished_at, now]
        assert passed == sorted(passed), str(record)
    described = fleet.store.set_record(job_set.job_set_id())
    assert begun <= described.created_at <= described.finished_at <= now


@pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed")
def test_row_11_wrong_clocks(fleet: Fleet) -> None:
    fleet.behave(submit_latency_seconds=LEASE_SECONDS + 0.5)
    start_with_wrong_clocks(fleet)
    with (
        row(11, "clocks 2 h ahead and behind", within_seconds=60) as this,
        fleet.manager() as manager,
    ):
        begun = fleet.store.now()
        # Submissions longer than a lease, which every process must then extend by Redis's clock
        slow = manager.run(small_circuits(4), ALIAS, max_experiments_per_job=1, shots=10)
        this.judge(fleet, slow, timeout_seconds=30)
        fleet.behave(submit_latency_seconds=0.02, run_seconds=0.3)
        circuits = small_circuits(sized(full=400, short=20))
        quick = manager.run(circuits, ALIAS, max_experiments_per_job=1, shots=10)
        this.judge(fleet, quick, timeout_seconds=50)
        assert [hours_ahead(member) for member in fleet.members] == [2.0, -2.0, 2.0]
        owners = {record.owner for each in (slow, quick) for record in records(fleet, each)}
        assert len(owners) == 2, "both workers took part"
        for each in (slow, quick):
            assert_sane_times(fleet, each, begun)
        assert all(abs(each.seen_at - fleet.store.now()) < 60 for each in fleet.store.workers())


def greedy_fleet(directory: Path, *, takes_bytes: int) -> Fleet:
    return Fleet(
        directory,
        '[backends.greedy]\nprovider = "backend_v2"\n'
        'backend = "tests.faults.greedy_backend:GreedyBackend"\n'
        f'arguments = {{ takes_bytes = {takes_bytes}, runs = "{directory / "runs"}" }}\n',
    )


def outlive_greed(fleet: Fleet, this: Row, prefix: Sequence[str]) -> ChunkRecord:
    """Run a set with one greedy circuit; returns its chunk, after the judgement of all others."""
    environment = {"JOBSET_LEASE_SECONDS": "1"}
    fleet.start_worker(prefix=prefix, environment=environment, wait=False)
    fleet.start_watcher(environment=environment, wait=False)
    wait_until(
        lambda: fleet.announced("worker") == fleet.announced("watcher") == 1,
        description="worker and watcher",
        timeout_seconds=40,
    )
    circuits = small_circuits(sized(full=200, short=20))
    circuits[3].name = GREEDY
    with fleet.manager() as manager:
        job_set = manager.run(circuits, "greedy", max_experiments_per_job=1, shots=10)
        job_set.results(timeout=50, partial=True)
    chunks = records(fleet, job_set)
    poison = chunks.pop(3)
    runs = Counter((fleet.directory / "runs").read_text(encoding="utf-8").split())
    # Then the greedy one was tried so often and no more, and the others finished at once
    assert runs.pop(GREEDY) == TRIES
    this.chunks = len(circuits)
    this.lost = sum(record.status is not ChunkStatus.DONE for record in chunks)
    this.duplicate = sum(times - 1 for times in runs.values())
    this.judged = True
    assert poison.status is ChunkStatus.FAILED
    return poison


def test_row_12_killed_for_want_of_memory(tmp_path: Path) -> None:
    with (
        memory_group(700 * MEGABYTE) as group,
        greedy_fleet(tmp_path, takes_bytes=2000 * MEGABYTE) as fleet,
        row(12, "out of memory: killed by the kernel", within_seconds=60) as this,
    ):
        poison = outlive_greed(fleet, this, group.prefix)
        this.kills = group.kills()
        assert this.kills == TRIES
        assert fleet.members[0].running
        assert poison.tries == {"crash": TRIES}
        assert poison.error is not None
        assert f"vanished while it held this chunk ({TRIES} of {TRIES})" in poison.error.message


def test_row_12_memory_error(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -v "$0" && exec "$@"', str(4 * MEGABYTE))
    with (
        greedy_fleet(tmp_path, takes_bytes=8000 * MEGABYTE) as fleet,
        row(12, "out of memory: MemoryError", within_seconds=60) as this,
    ):
        poison = outlive_greed(fleet, this, limited)
        assert poison.error is not None
        assert poison.error.type == "MemoryError"
        assert f"given up after {TRIES} attempts" in poison.error.message
        assert poison.tries == {"memory": TRIES - 1}
