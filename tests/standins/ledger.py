"""The judge's book: every request that came, what it was told, and whether it came too early."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.standins.troubles import Trouble


@dataclass
class Entry:
    """One request.

    Args:
        kind: ``submit``, ``find``, ``poll``, ``result`` or ``cancel``.
        subject: The tag, or the job; empty for polls, which ask for many.
        at: When it came, in Unix seconds.
        too_early: It came before the Retry-After that its like was last given had passed.
        trouble: What befell it.
        answer: The status that it was told; none if it was told nothing.
        retry_after_seconds: The wish that it was told.
        jobs: The jobs that it made.
    """

    kind: str
    subject: str
    at: float
    too_early: bool
    trouble: Trouble | None = None
    answer: int | None = None
    retry_after_seconds: float | None = None
    jobs: list[str] = field(default_factory=list)


class Ledger:
    """All requests, in the order of their arrival.

    Args:
        clock: Returns Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: list[Entry] = []
        self._not_before: dict[tuple[str, str], float] = {}

    def arrived(self, kind: str, subject: str) -> Entry:
        """Enter a request."""
        now = self._clock()
        entry = Entry(kind, subject, now, now < self._not_before.get((kind, subject), 0.0))
        self._entries.append(entry)
        return entry

    def told(self, entry: Entry, answer: int, retry_after_seconds: float | None) -> None:
        """Enter what a request was told."""
        entry.answer, entry.retry_after_seconds = answer, retry_after_seconds
        if retry_after_seconds is not None:
            self._not_before[entry.kind, entry.subject] = self._clock() + retry_after_seconds

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return what is written down of one kind of request."""
        return [asdict(entry) for entry in self._entries if entry.kind == kind]

    def stats(self) -> dict[str, Any]:
        """Count troubles and requests that came too early, by kind."""
        troubles: dict[str, Counter[str]] = {}
        early: Counter[str] = Counter()
        for entry in self._entries:
            early[entry.kind] += entry.too_early
            if entry.trouble:
                troubles.setdefault(entry.kind, Counter())[entry.trouble] += 1
        return {
            "troubles": troubles,
            "too_early": early.pop("submit", 0),
            "questions_too_early": early,
        }
