import logging
import threading
import time

import pytest

from jobset_client import JobManager
from jobset_client.deadline import Deadline
from jobset_client.waiting import Patience, watch
from jobset_protocol.errors import (
    ConfigurationError,
    JobSetTimeoutError,
    StoreUnavailableError,
)
from jobset_protocol.messages import Event
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, circuits


class ScriptedStore(MemoryStore):
    """Counts its reads, and plays given events to who waits."""

    def __init__(self, unfinished: int, events: list[int]) -> None:
        self.unfinished = unfinished
        self.events = events
        self.waits = 0
        self.failures = 0
        self.timeouts: list[float] = []

    def last_event_id(self, set_id: str) -> str:
        return "0-0"

    def counts(self, set_id: str) -> dict[ChunkStatus, int]:
        return {ChunkStatus.RUNNING: self.unfinished, ChunkStatus.DONE: 1}

    def wait(self, set_id: str, *, after: str, timeout_seconds: float) -> list[Event]:
        self.waits += 1
        self.timeouts.append(timeout_seconds)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("gone")
        if not self.events:
            return []
        return [Event("1-1", 0, ChunkStatus.DONE, self.events.pop(0))]


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), "soon", True, [1]])
def test_refuses_bad_timeouts(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        Deadline.after(timeout)


def test_a_deadline_counts_down_and_never_below_zero() -> None:
    assert Deadline.after(None).remaining_seconds == float("inf")
    assert 9 < Deadline.after(10).remaining_seconds <= 10
    assert Deadline.after(0).remaining_seconds == 0
    assert Deadline.after(0).passed


def test_a_finished_set_is_not_waited_for() -> None:
    store = ScriptedStore(0, [])
    assert list(watch(store, "x", Deadline.after(None))) == [0]
    assert store.waits == 0


def test_follows_the_events_to_the_last() -> None:
    store = ScriptedStore(3, [2, 1, 0])
    assert list(watch(store, "x", Deadline.after(None))) == [3, 2, 1, 0]


def test_the_last_chunk_is_never_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sleep(seconds: float) -> None:
        raise AssertionError("slept while one chunk was left")

    monkeypatch.setattr(time, "sleep", no_sleep)
    assert list(watch(ScriptedStore(1, [1, 1, 0]), "x", Deadline.after(None))) == [1, 1, 1, 0]


def test_delays_are_short_against_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    monkeypatch.setattr(time, "sleep", delays.append)
    started = time.monotonic()
    list(watch(ScriptedStore(9, [8, 7, 6, 0]), "x", Deadline.after(None)))
    assert len(delays) == 3
    # A fifth of what seems left: eight chunks to go after one, then seven, then six after three.
    assert max(delays) <= 0.2 * 8 * (time.monotonic() - started)


def test_recounts_when_no_event_comes() -> None:
    store = ScriptedStore(2, [])
    watching = watch(store, "x", Deadline.after(None))
    assert next(watching) == 2
    store.unfinished = 0
    assert list(watching) == [0]


def test_rides_out_a_restart_and_warns_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    store = ScriptedStore(1, [0])
    store.failures = 5
    with caplog.at_level(logging.WARNING):
        assert list(watch(store, "x", Deadline.after(None)))[-1] == 0
    assert len(caplog.records) == 1


def test_a_repeated_read_does_not_block_past_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + 2.0))
    store = ScriptedStore(1, [0])
    store.failures = 1
    list(watch(store, "x", Deadline.after(8)))
    assert store.timeouts == [8.0, 6.0]


def test_gives_up_on_a_store_that_stays_away() -> None:
    def read() -> None:
        raise StoreUnavailableError("gone")

    with pytest.raises(StoreUnavailableError):
        Patience(Deadline.after(None), away_seconds=0.0).call(read)
    with pytest.raises(StoreUnavailableError):
        Patience(Deadline.after(0.0)).call(read)


def test_one_blocking_read_sees_the_end_at_once(manager: JobManager, store: Store) -> None:
    job_set = manager.run(circuits(1), ALIAS)
    worker = FakeWorker(store, job_set)
    ended_at: list[float] = []

    def work() -> None:
        worker.run(0)
        ended_at.append(time.monotonic())

    timer = threading.Timer(0.1, work)
    timer.start()
    job_set.wait(timeout=10)
    seen_at = time.monotonic()
    timer.join()
    assert seen_at - ended_at[0] < 0.2


def test_a_timeout_says_how_far_it_is_and_comes_in_time(manager: JobManager, store: Store) -> None:
    job_set = manager.run(circuits(4), ALIAS, name="flips", max_experiments_per_job=1)
    FakeWorker(store, job_set).run(2)
    started = time.monotonic()
    with pytest.raises(JobSetTimeoutError, match=r"1 of 4 chunks of job set 'flips' .* are done"):
        job_set.wait(timeout=0.2)
    assert time.monotonic() - started < 0.4


def test_zero_is_a_timeout(manager: JobManager, store: Store) -> None:
    job_set = manager.run(circuits(1), ALIAS)
    with pytest.raises(JobSetTimeoutError):
        job_set.wait(timeout=0)
    FakeWorker(store, job_set).run_all()
    job_set.wait(timeout=0)
