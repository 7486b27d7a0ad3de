"""When the fake service's jobs start and end.

A job waits ``queue_seconds``, then for one of ``max_running`` places, first come first served,
and runs ``run_seconds``.  Nothing ticks: :meth:`FakeSchedule.advance` replays in order what has
happened since it was last called, so time also passes while the service is down.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from worker.providers.fake_behaviour import FakeBehaviour


class Change(NamedTuple):
    """A job started (``ended`` is False) or ended, at a time in Unix seconds."""

    job_id: str
    ended: bool
    at: float


class FakeSchedule:
    """The jobs that have not ended.

    >>> schedule = FakeSchedule(FakeBehaviour(run_seconds=5, max_running=1))
    >>> schedule.add("a", now=0.0)
    >>> schedule.add("b", now=1.0)
    >>> [(change.job_id, change.at) for change in schedule.advance(now=7.0)]
    [('a', 0.0), ('a', 5.0), ('b', 5.0)]
    """

    def __init__(self, behaviour: FakeBehaviour) -> None:
        self._behaviour = behaviour
        self._waiting: deque[tuple[float, str]] = deque()
        self._running: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self._place_free_since = -inf

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def behave(self, behaviour: FakeBehaviour, *, now: float) -> None:
        """Change the behaviour; jobs that run keep their ends."""
        self._behaviour = behaviour
        # A new place must not start a job in the past.
        self._place_free_since = now

    def add(self, job_id: str, *, now: float) -> None:
        """Queue a job that arrives now."""
        self._waiting.append((now + self._behaviour.queue_seconds, job_id))

    def resume(self, job_id: str, *, started_at: float) -> None:
        """Take up a job that was running when the service stopped."""
        self._run(job_id, started_at)

    def remove(self, job_id: str, *, now: float) -> bool:
        """Drop a job that has not ended; False when there is none."""
        if job_id in self._running:
            self._running.discard(job_id)
            self._place_free_since = now
            return True
        left = deque(entry for entry in self._waiting if entry[1] != job_id)
        found = len(left) < len(self._waiting)
        self._waiting = left
        return found

    def queue_positions(self) -> dict[str, int]:
        """Return the places of the jobs that wait; the next to start has 1."""
        return {job_id: place for place, (_, job_id) in enumerate(self._waiting, 1)}

    def advance(self, *, now: float) -> Iterator[Change]:
        """Yield the starts and ends up to now, in order."""
        while True:
            start, end = self._next_start(), self._next_end()
            if min(start, end) > now:
                return
            if end <= start:
                at, job_id = heappop(self._ends)
                self._running.discard(job_id)
                self._place_free_since = at
                yield Change(job_id, True, at)
            else:
                _, job_id = self._waiting.popleft()
                self._run(job_id, start)
                yield Change(job_id, False, start)

    def _run(self, job_id: str, started_at: float) -> None:
        self._running.add(job_id)
        heappush(self._ends, (started_at + self._behaviour.run_seconds, job_id))

    def _next_start(self) -> float:
        limit = self._behaviour.max_running
        if not self._waiting or (limit is not None and len(self._running) >= limit):
            return inf
        ready_at = self._waiting[0][0]
        return ready_at if limit is None else max(ready_at, self._place_free_since)

    def _next_end(self) -> float:
        while self._ends and self._ends[0][1] not in self._running:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else inf
