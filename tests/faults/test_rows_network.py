"""Rows 5, 6 and 7: the network between Redis and whoever needs it is bad."""

import time
from collections.abc import Callable, Iterator

import pytest
from qiskit import QuantumCircuit

from jobset_client import ManagedJobSet
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.rows import row, sized
from tests.standins.tcp_proxy import TcpProxy
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

IN_HAND = 6
"""More chunks than a worker of two processes has taken from the broker at any moment."""


@pytest.fixture
def proxy(fleet: Fleet) -> Iterator[TcpProxy]:
    with TcpProxy(fleet.valkey.socket) as proxy:
        yield proxy


def start(fleet: Fleet, url: str | None = None, *, concurrency: int = 2) -> None:
    """Start a worker and a watcher; both of them reach Redis under ``url``."""
    fleet.start_worker(url=url, concurrency=concurrency, wait=False)
    fleet.start_watcher(url=url, wait=False)
    wait_until(
        lambda: (fleet.announced("worker"), fleet.announced("watcher")) == (1, 1),
        description="worker and watcher",
        timeout_seconds=40,
    )


def done(job_set: ManagedJobSet) -> int:
    return job_set.chunk_statuses().count(ChunkStatus.DONE)


def wait_in_vain(job_set: ManagedJobSet, seconds: float) -> None:
    """Wait so long, and demand that nothing is done meanwhile, but what just ends."""
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=1)
    before = done(job_set)
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=seconds - 1)
    assert done(job_set) == before


@pytest.mark.parametrize(
    ("busy", "loses", "resumes_within_seconds"),
    # A call that is lost in the last moment of the hole is made again after four seconds more.
    [(True, False, 5.0), (False, True, 10.0)],
    ids=["busy", "idle-and-lost"],
)
def test_row_5_black_hole(
    fleet: Fleet, proxy: TcpProxy, busy: bool, loses: bool, resumes_within_seconds: float
) -> None:
    seconds = sized(full=12, short=3)
    circuits = small_circuits(sized(full=100, short=30))
    fleet.behave(submit_latency_seconds=0.1, run_seconds=0.2)
    start(fleet, proxy.url)
    what = f"{seconds} s black hole, {'busy' if busy else 'idle'}, {'lost' if loses else 'held'}"
    with fleet.manager() as manager, row(5, what, within_seconds=seconds + 60) as this:
        if not busy:
            proxy.black_hole(loses=loses)
        job_set = manager.run(circuits, ALIAS, max_experiments_per_job=1, shots=10)
        if busy:
            wait_until(lambda: done(job_set), description="the first chunk")
            proxy.black_hole(loses=loses)
        wait_in_vain(job_set, seconds)
        before = done(job_set)
        assert before + IN_HAND < len(circuits)
        healed = time.monotonic()
        proxy.heal()
        # Then chunks are done that were still in the broker's queue
        wait_until(
            lambda: done(job_set) >= before + IN_HAND,
            description="the worker to resume",
            timeout_seconds=resumes_within_seconds,
        )
        print(f"resumed {time.monotonic() - healed:.1f} s after it was healed")
        this.judge(fleet, job_set, timeout_seconds=60)
    assert all(member.running for member in fleet.members)


STRIKES = [
    pytest.param(TcpProxy.forget, "half-open, known to neither end", id="neither"),
    pytest.param(TcpProxy.half_open, "half-open, closed at Redis", id="closed-at-redis"),
][: sized(full=2, short=1)]


@pytest.mark.parametrize(("strike", "what"), STRIKES)
def test_row_6_half_open_connections(
    fleet: Fleet, proxy: TcpProxy, strike: Callable[[TcpProxy], int], what: str
) -> None:
    chunks = sized(full=400, short=16)
    fleet.behave(submit_latency_seconds=0.1, run_seconds=0.2)
    start(fleet, proxy.url)
    struck: list[int] = []

    def circuits() -> Iterator[QuantumCircuit]:
        first, *rest = small_circuits(chunks)
        yield first
        # In the middle of a submission, while the worker waits for the next message
        [set_id] = fleet.store.live_sets()
        wait_until(
            lambda: fleet.store.chunks([ChunkKey(set_id, 0)])[0].status is ChunkStatus.SUBMITTING,
            description="the first chunk to be submitted",
        )
        struck.append(strike(proxy))
        yield from rest

    with fleet.manager() as manager, row(6, what, within_seconds=90) as this:
        job_set = manager.run(circuits(), ALIAS, name="cut", max_experiments_per_job=1, shots=10)
        this.judge(fleet, job_set, timeout_seconds=85)
    # Each of the four processes had a connection at least
    [connections] = struck
    print(f"{connections} connections were half-open")
    assert connections >= 4
    # And a message was popped into one of those that Redis took for alive
    assert (b"('cut'" in proxy.lost) == (strike is TcpProxy.forget)
    assert all(member.running for member in fleet.members)


def test_row_7_latency(fleet: Fleet, proxy: TcpProxy) -> None:
    chunks = sized(full=2000, short=400)
    fleet.behave(run_seconds=0.2)
    start(fleet, concurrency=4)
    proxy.delay(0.05)
    with (
        fleet.manager(proxy.url) as manager,
        row(7, f"50 ms each way, {chunks} chunks enqueued", within_seconds=150) as this,
    ):
        begun = time.monotonic()
        job_set = manager.run(small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10)
        enqueued_seconds = time.monotonic() - begun
        print(f"enqueued in {enqueued_seconds:.1f} s")
        # Connecting alone takes ten round trips
        assert 1 < enqueued_seconds < 10
        this.judge(fleet, job_set, timeout_seconds=140)
