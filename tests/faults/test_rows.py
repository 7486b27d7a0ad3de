"""Rows of the table of faults, each against real processes, with the provider as the judge."""

import contextlib
import itertools
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from jobset_client import ManagedJobSet
from jobset_protocol import keys
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import connect
from tests.circuits import small_circuits
from tests.faults.conftest import HurtCluster
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import children
from tests.faults.rows import row, sized
from tests.malformed_messages import UNREADABLE
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)


def submitted(hurt: HurtCluster, chunks: int) -> ManagedJobSet:
    return hurt.manager.run(
        small_circuits(chunks), "fake-remote", max_experiments_per_job=1, shots=10
    )


@contextlib.contextmanager
def every(seconds: float, act: Callable[[], None]) -> Iterator[list[None]]:
    """Act again and again, until the block ends; the list has an entry for each time."""
    stop = threading.Event()
    acts: list[None] = []

    def loop() -> None:
        while not stop.wait(seconds):
            # What is to be hurt may just be down.
            with contextlib.suppress(OSError, LookupError, AssertionError):
                act()
                acts.append(None)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield acts
    finally:
        stop.set()
        thread.join()


def test_row_1_workers_killed_at_random(hurt: HurtCluster) -> None:
    chunks = sized(full=2000, short=60)
    hurt.behave(submit_latency_seconds=sized(full=20, short=60) / 1000, run_seconds=0.2)
    parents: set[int] = set()
    turns = itertools.cycle(["parent", "child", "child"])

    def kill_one() -> None:
        parent = hurt.pid("worker")
        if next(turns) == "parent":
            parents.add(parent)
            os.kill(parent, signal.SIGKILL)
        else:
            os.kill(random.choice(children(parent)), signal.SIGKILL)

    with row(1, "worker or child killed -9 every 2 s", within_seconds=120) as this:
        job_set = submitted(hurt, chunks)
        with every(2.0, kill_one) as kills:
            this.judge(hurt, job_set, timeout_seconds=115)
        this.kills = len(kills)
    assert parents


def test_row_3_redis_killed_again_and_again(fleet: Fleet) -> None:
    chunks, seconds = sized(full=400, short=60), sized(full=5, short=2)
    fleet.behave(submit_latency_seconds=0.15, run_seconds=0.2)
    fleet.start_worker(wait=False)
    fleet.start_watcher()
    wait_until(lambda: fleet.announced("worker") == 1, description="the worker")
    with (
        fleet.manager() as manager,
        row(3, f"Redis killed -9 every {seconds} s", within_seconds=120) as this,
    ):
        job_set = manager.run(small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10)
        with every(seconds, fleet.valkey.restart) as kills:
            assert job_set.results(timeout=110).success
        this.judge(fleet, job_set, timeout_seconds=5)
        this.kills = len(kills)
        assert this.kills >= sized(full=5, short=2)
    assert all(member.running for member in fleet.members)


def test_row_4_redis_restarted_with_all_slots_busy(hurt: HurtCluster) -> None:
    hurt.behave(submit_latency_seconds=3.0)
    with row(4, "Redis restarted with all slots busy", within_seconds=60) as this:
        first = submitted(hurt, 2)
        wait_until(
            lambda: first.chunk_statuses() == [ChunkStatus.SUBMITTING] * 2,
            description="both processes to submit",
        )
        old = hurt.pid("valkey")
        os.kill(old, signal.SIGKILL)
        this.kills = 1
        hurt.behave(submit_latency_seconds=0.0)
        wait_until(lambda: hurt.pid("valkey") != old, description="Redis to be started again")
        second = submitted(hurt, 2)
        # Then it consumes again within 15 s
        second.results(timeout=15)
        this.judge(hurt, second, timeout_seconds=1)
        this.judge(hurt, first, timeout_seconds=30)


def test_row_15_malformed_messages(hurt: HurtCluster) -> None:
    bad = sized(full=1000, short=200)
    with row(15, f"{bad} malformed messages", within_seconds=60) as this:
        parent = hurt.pid("worker")
        before = (parent, children(parent))
        with (
            contextlib.closing(redis.Redis.from_url(hurt.cluster.url)) as broker,
            contextlib.closing(connect(hurt.cluster.url)) as store,
        ):
            for text in itertools.islice(itertools.cycle(UNREADABLE), bad):
                broker.lpush(keys.queue("fake-remote"), text)
            job_set = submitted(hurt, 20)
            this.judge(hurt, job_set, timeout_seconds=50)
            wait_until(
                lambda: len(store.messages_set_aside()) == bad,
                description="all of them to be set aside",
                timeout_seconds=30,
            )
        assert (hurt.pid("worker"), children(parent)) == before
