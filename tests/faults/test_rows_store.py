"""Rows 13 and 14: the store's server answers, and takes no writes for a while."""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from jobset_client import ManagedJobSet
from jobset_protocol.errors import JobSetTimeoutError, StoreRefusingError
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import Member
from tests.faults.rows import Row, row, sized
from tests.servers import ValkeyServer
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

LONG_SECONDS = sized(full=75_000, short=100) / 1000
"""And a client's patience.  In full form longer than a worker's call waits."""
SHORT_SECONDS = sized(full=15_000, short=100) / 1000
RECOVERY_SECONDS = 60.0
WITHIN_SECONDS = SHORT_SECONDS + RECOVERY_SECONDS
MOST_PROCESSOR_SHARE = 0.5
MOST_LINES_A_SECOND = 5.0


def processor_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        ticks += sum(int(each) for each in stat.rpartition(")")[2].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def lines(members: list[Member]) -> int:
    return sum(len(member.log.read_text(errors="replace").splitlines()) for member in members)


@contextlib.contextmanager
def outage(fleet: Fleet) -> Iterator[None]:
    """Demand that no process ends meanwhile, turns in circles, or fills its log."""
    members = fleet.members
    before = [(member.pid, member.children()) for member in members]
    pids = [pid for parent, below in before for pid in (parent, *below)]
    begun, busy, said = time.monotonic(), processor_seconds(pids), lines(members)
    yield
    seconds = time.monotonic() - begun
    assert [(member.pid, member.children()) for member in members] == before
    assert all(member.running for member in members)
    share = (processor_seconds(pids) - busy) / seconds
    rate = (lines(members) - said) / seconds
    print(f"outage of {seconds:.1f} s: {share:.0%} of a core, {rate:.1f} lines a second")
    assert share < MOST_PROCESSOR_SHARE
    assert rate < MOST_LINES_A_SECOND


def refused(server: ValkeyServer, name: str) -> int:
    """Write until the server refuses; returns how many writes it took, as ``<name>:<number>``."""
    with contextlib.closing(redis.Redis.from_url(server.url)) as client:
        for number in range(10_000):
            try:
                client.set(f"{name}:{number}", "x" * 100)
            except redis.ResponseError:
                return number
    raise AssertionError("the server takes all writes")


def start_all(fleet: Fleet, idle: Path) -> None:
    """Start a worker that will be busy, one that will not, and a watcher."""
    idle.write_text('[backends.idle]\nprovider = "fake"\n')
    fleet.start_worker(wait=False)
    fleet.start_worker(environment={"JOBSET_CONFIG": str(idle)}, concurrency=1, wait=False)
    fleet.start_watcher(wait=False)
    wait_until(
        lambda: (fleet.announced("worker"), fleet.announced("watcher")) == (2, 1),
        description="two workers and a watcher",
        timeout_seconds=40,
    )


def outlive(
    fleet: Fleet,
    this: Row,
    strike: Callable[[], Any],
    heal: Callable[[], Any],
    *,
    says: str,
    outage_seconds: float = SHORT_SECONDS,
) -> ManagedJobSet:
    """Let the server refuse writes in the middle of a set, and demand that all goes on."""
    start_all(fleet, fleet.directory / "idle.toml")
    fleet.behave(submit_latency_seconds=0.05, run_seconds=0.5)
    circuits = small_circuits(sized(full=400, short=30))
    with fleet.manager() as manager:
        job_set = manager.run(circuits, ALIAS, max_experiments_per_job=1, shots=10)
        wait_until(
            lambda: ChunkStatus.DONE in job_set.chunk_statuses(), description="the first chunk"
        )
        strike()
        refused(fleet.valkey, "before")
        done = job_set.chunk_statuses().count(ChunkStatus.DONE)
        with outage(fleet):
            # Then a client is told what happened and what to do, and a waiting one waits
            with pytest.raises(StoreRefusingError, match=says):
                manager.run(circuits[:1], ALIAS)
            with pytest.raises(JobSetTimeoutError):
                job_set.results(timeout=outage_seconds)
            assert job_set.chunk_statuses().count(ChunkStatus.DONE) == done < len(circuits)
        heal()
        this.judge(fleet, job_set, timeout_seconds=RECOVERY_SECONDS)
        # And the worker that was idle meanwhile takes chunks again
        assert manager.run(circuits[:1], "idle").results(timeout=20).success
    # The idle worker has nothing to say where only its reads are asked for.
    logs = [fleet.members[number].log.read_text(errors="replace") for number in (0, 2)]
    assert all(re.search("waiting for the .*: the server takes no writes", log) for log in logs)
    assert any("the store is back" in log for log in logs)
    return job_set


def test_row_13_full_disk(fleet: Fleet) -> None:
    server = fleet.valkey
    with row(13, "disk full under AOF", within_seconds=LONG_SECONDS + RECOVERY_SECONDS) as this:
        says = "free some of its disk"
        job_set = outlive(
            fleet, this, server.fill_disk, server.free_disk, says=says, outage_seconds=LONG_SECONDS
        )
        # When the disk is full again, and the server ends with half a write on it
        server.fill_disk()
        taken = refused(server, "after")
        server.kill()
        server.tear_log()
        server.start()
        this.kills = 1
        # Then all that it acknowledged is there, but for the write that found the disk full:
        # with `appendfsync everysec` the server learns of that after its answer
        with contextlib.closing(redis.Redis.from_url(server.url)) as client:
            there = [client.exists(f"after:{number}") for number in range(taken)]
        assert len(there) > 1
        assert all(there[:-1])
        with fleet.manager() as manager:
            assert manager.retrieve_job_set(job_set.job_set_id()).results().success


def test_row_14_memory_limit(fleet: Fleet) -> None:
    with (
        contextlib.closing(redis.Redis.from_url(fleet.valkey.url)) as client,
        row(14, "maxmemory, noeviction", within_seconds=WITHIN_SECONDS) as this,
    ):
        outlive(
            fleet,
            this,
            lambda: client.config_set("maxmemory", "1mb"),
            lambda: client.config_set("maxmemory", "0"),
            says="raise its maxmemory",
        )


def test_row_14_read_only_replica(fleet: Fleet) -> None:
    with (
        contextlib.closing(redis.Redis.from_url(fleet.valkey.url)) as client,
        row(14, "a read-only replica for a while", within_seconds=WITHIN_SECONDS) as this,
    ):
        # A primary that is not there: the server keeps its data.
        outlive(
            fleet,
            this,
            lambda: client.replicaof("127.0.0.1", "1"),
            lambda: client.replicaof("NO", "ONE"),
            says="connect to the primary",
        )
