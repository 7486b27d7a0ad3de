"""One row of the table of faults: its size, its figures, and the line that it prints.

``JOBSET_FAULTS`` chooses the sizes: ``full`` for the numbers that are promised (``make faults``),
``short``, the default, for the same faults on fewer chunks (``make test``).
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from qiskit.providers import JobStatus

from jobset_client import ManagedJobSet

FULL = {"full": True, "short": False}[os.environ.get("JOBSET_FAULTS", "short")]
_COLUMNS = "{:>3}  {:<44} {:>6} {:>5} {:>4} {:>9} {:>7}"
HEADING = _COLUMNS.format("row", "fault", "chunks", "kills", "lost", "duplicate", "seconds")
finished_rows: list[str] = []
"""The lines of this run, for the table at its end."""


class Judge(Protocol):
    """Whoever knows what was submitted: the provider."""

    def submissions_of(self, set_id: str) -> dict[str, int]:
        """Return how many jobs were ever made of each of a set's tags."""
        ...


def sized(*, full: int, short: int) -> int:
    """Return the size that this run asks for."""
    return full if FULL else short


@dataclass
class Row:
    """What one fault led to.

    Args:
        number: Of the row in the table.
        fault: What was done, in a few words.
    """

    number: int
    fault: str
    chunks: int = 0
    kills: int = 0
    lost: int = 0
    duplicate: int = 0
    seconds: float = field(default=0.0)
    judged: bool = False

    def judge(self, judge: Judge, job_set: ManagedJobSet, *, timeout_seconds: float) -> None:
        """Wait for the set's end, then count what is lost and what was submitted twice."""
        try:
            job_set.results(timeout=timeout_seconds, partial=True)
        finally:
            statuses = job_set.statuses()
            # By chunk: one that was submitted again as another attempt counts, too.
            jobs: Counter[str] = Counter()
            for tag, number in judge.submissions_of(job_set.job_set_id()).items():
                jobs[tag.split("-")[2]] += number
            self.chunks += len(statuses)
            self.lost += sum(status is not JobStatus.DONE for status in statuses)
            self.duplicate += sum(number - 1 for number in jobs.values())
            self.judged = True

    def __str__(self) -> str:
        return _COLUMNS.format(
            self.number, self.fault, self.chunks, self.kills, self.lost, self.duplicate,
            f"{self.seconds:.1f}",
        )  # fmt: skip


@contextmanager
def row(number: int, fault: str, *, within_seconds: float) -> Iterator[Row]:
    """Time a row, print its line whatever happens, and demand its zeros and its time.

    Raises:
        AssertionError: A chunk was lost or submitted twice, or it took too long.
    """
    this = Row(number, fault)
    begun = time.monotonic()
    try:
        yield this
    finally:
        this.seconds = time.monotonic() - begun
        finished_rows.append(str(this))
        print(f"\n{HEADING}\n{this}")
    assert this.judged, "a row must be judged"
    assert (this.lost, this.duplicate) == (0, 0), str(this)
    assert this.seconds <= within_seconds, f"{this} (at most {within_seconds} s)"
