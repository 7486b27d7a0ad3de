"""The jobs of the fake provider's service, in an SQLite file: they outlive it.

The file is the truth; :class:`FakeSchedule` only says which of them are to start or end.
"""

import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from worker.providers.fake_behaviour import FakeBehaviour, Submission, refuse_if_unfit
from worker.providers.fake_outcomes import FakeExperiment, experiment, failure_text, named
from worker.providers.fake_schedule import FakeSchedule

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tag TEXT NOT NULL,
    submission TEXT NOT NULL,        -- JSON, without the circuits themselves
    payload_bytes INTEGER NOT NULL,
    status TEXT NOT NULL,            -- queued, running; done, failed, cancelled, lost
    fate TEXT NOT NULL,              -- how it ends unless it is cancelled; drawn at the start
    error TEXT,
    created_at REAL NOT NULL,        -- Unix seconds, as all times here
    started_at REAL,
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_tag ON jobs (tag);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status);
"""
_PARAMETERS = 500
"""Ids a statement: SQLite limits their number."""


class FakeJobs:
    """All jobs ever submitted.

    Args:
        path: The SQLite file; made when it is missing.
        behaviour: How jobs go.
        clock: Returns Unix seconds.
    """

    def __init__(
        self, path: Path, behaviour: FakeBehaviour, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._schedule = FakeSchedule(behaviour)
        self._most_pending = 0
        self._database = sqlite3.connect(path)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        # Survives this process's death; a power cut may cost the last jobs.
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._take_up()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def behaviour(self) -> FakeBehaviour:
        """How jobs go."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: FakeBehaviour) -> None:
        self.advance()
        self._behaviour = behaviour
        self._schedule.behave(behaviour, now=self._clock())

    def create(self, submission: Submission, *, payload_bytes: int) -> str:
        """Create a job and return its id; the same tag twice makes two jobs.

        Raises:
            RefusedError: The behaviour's limits forbid it.
        """
        self.advance()
        refuse_if_unfit(submission, self._behaviour, pending=len(self._schedule))
        job_id = f"fake-{uuid.uuid4().hex}"
        now = self._clock()
        fate, error = self._fate(submission)
        with self._database:
            self._database.execute(
                "INSERT INTO jobs (id, tag, submission, payload_bytes, status, fate, error,"
                " created_at) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?)",
                (
                    job_id,
                    submission.tag,
                    submission.model_dump_json(),
                    payload_bytes,
                    fate,
                    error,
                    now,
                ),
            )
        self._schedule.add(job_id, now=now)
        self._most_pending = max(self._most_pending, len(self._schedule))
        return job_id

    def advance(self) -> None:
        """Start and end all jobs that are due."""
        with self._database:
            for job_id, ended, at in self._schedule.advance(now=self._clock()):
                change = (
                    "status = fate, ended_at = ?" if ended else "status = 'running', started_at = ?"
                )
                self._database.execute(
                    f"UPDATE jobs SET {change} WHERE id = ?",  # noqa: S608 - two constants
                    (at, job_id),
                )

    def find(self, tag: str) -> list[dict[str, Any]]:
        """Return the jobs that carry ``tag``, the oldest first."""
        self.advance()
        return self._described("tag = ?", (tag,))

    def get(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return those of these jobs that the service (still) knows."""
        self.advance()
        found = []
        for start in range(0, len(job_ids), _PARAMETERS):
            part = job_ids[start : start + _PARAMETERS]
            found += self._described(f"id IN ({','.join('?' * len(part))})", part)
        return found

    def experiments(self, job_id: str) -> list[FakeExperiment]:
        """Return the result of a job that is done."""
        [row] = self._database.execute("SELECT submission FROM jobs WHERE id = ?", (job_id,))
        submission = Submission.model_validate_json(row["submission"])
        return [
            experiment(
                circuit,
                index,
                shots=submission.shots,
                seed=submission.seed,
                memory=submission.memory,
            )
            for index, circuit in enumerate(submission.circuits, submission.start_index)
        ]

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not ended; False for others."""
        self.advance()
        now = self._clock()
        if not self._schedule.remove(job_id, now=now):
            return False
        with self._database:
            self._database.execute(
                "UPDATE jobs SET status = 'cancelled', ended_at = ? WHERE id = ?", (now, job_id)
            )
        return True

    def stats(self) -> dict[str, Any]:
        """Count the jobs ever created: this tells whether anything was submitted twice."""
        self.advance()
        tags = self._counts("tag")
        return {
            "submissions": sum(tags.values()),
            "tags": tags,
            "duplicates": {tag: count for tag, count in tags.items() if count > 1},
            "statuses": self._counts("status"),
            "pending": len(self._schedule),
            "most_pending": self._most_pending,
        }

    def _take_up(self) -> None:
        rows = self._database.execute(
            "SELECT id, status, created_at, started_at FROM jobs"
            " WHERE status IN ('queued', 'running') ORDER BY sequence"
        )
        for row in rows:
            if row["status"] == "running":
                self._schedule.resume(row["id"], started_at=row["started_at"])
            else:
                self._schedule.add(row["id"], now=row["created_at"])

    def _fate(self, submission: Submission) -> tuple[str, str | None]:
        for circuit in submission.circuits:
            if named(circuit.name, self._behaviour.fail_circuits):
                return "failed", failure_text(circuit.name)
        return ("lost" if random.random() < self._behaviour.lost_rate else "done"), None

    def _described(self, where: str, parameters: Sequence[str]) -> list[dict[str, Any]]:
        rows = self._database.execute(
            "SELECT id, tag, status, error, created_at FROM jobs"  # noqa: S608 - only marks
            f" WHERE {where} AND status != 'lost' ORDER BY sequence",
            tuple(parameters),
        )
        positions = self._schedule.queue_positions()
        return [
            {
                **dict(row),
                "error": row["error"] if row["status"] == "failed" else None,
                "queue_position": positions.get(row["id"]),
            }
            for row in rows
        ]

    def _counts(self, column: str, *, where: str = "TRUE") -> dict[str, int]:
        rows = self._database.execute(
            f"SELECT {column}, COUNT(*) FROM jobs WHERE {where} GROUP BY {column}"  # noqa: S608
        )
        return {str(value): count for value, count in rows}
