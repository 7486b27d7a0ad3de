"""A loopback quantum service that does wrong on demand, and judges what is asked of it.

::

    python -m tests.standins.quantum_service --directory DIR

It is the fake provider's service with more ways to fail: ``PUT /config`` takes the values of
:class:`ServiceTroubles` beside those of ``FakeBehaviour``.  ``GET /stats`` tells, beside the jobs
by tag, ``standing`` (the jobs by tag that were not cancelled), ``too_early`` (submissions that
came before the Retry-After that their tag was last given had passed), ``questions_too_early``
(the same of other requests, by kind) and ``troubles`` (what befell requests, by kind).
``GET /ledger?kind=submit`` tells of every single one.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tests.standins.ledger import Entry, Ledger
from tests.standins.troubles import ServiceTroubles, Trouble, Troubles
from worker.providers.fake_behaviour import FakeBehaviour, RefusedError, Submission
from worker.providers.fake_handlers import (
    ROUTES,
    CancelHandler,
    ConfigHandler,
    Handler,
    JobsHandler,
    ResultHandler,
    StatusHandler,
)
from worker.providers.fake_jobs import FakeJobs
from worker.providers.fake_service import main

_ERRORS = (500, 502, 503)
_NONSENSE = ("<html>at your service</html>", "{}", "[]", '{"jobs": 7, "experiments": [7]}')


class JudgedJobs(FakeJobs):
    """Jobs, with what befalls the requests for them, and the judge's ledger."""

    def __init__(
        self, path: Path, behaviour: FakeBehaviour, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(path, behaviour, clock=clock)
        self.clock = clock
        self.troubles = ServiceTroubles()
        self.ledger = Ledger(clock)
        self._first: dict[str, list[Trouble]] = {}

    def trouble(self, values: dict[str, Any]) -> None:
        """Change what befalls the requests that ``values`` names.

        Raises:
            ValidationError: A value is unknown or wrong.
        """
        changed = {**self.troubles.model_dump(), **values}
        self.troubles = ServiceTroubles.model_validate(changed)
        for kind in values:
            each = getattr(self.troubles, kind)
            self._first[kind] = list(each.first) if isinstance(each, Troubles) else []

    def befalls(self, kind: str) -> Trouble | None:
        """Decide what befalls the next request of a kind."""
        if self._first.get(kind):
            return self._first[kind].pop(0)
        troubles: Troubles = getattr(self.troubles, kind)
        return troubles.draw()

    def find(self, tag: str) -> list[dict[str, Any]]:
        """Return the jobs that carry ``tag`` and are listed by now, the oldest first."""
        listed_until = self.clock() - self.troubles.index_lag_seconds
        return [job for job in super().find(tag) if job["created_at"] <= listed_until]

    def stats(self) -> dict[str, Any]:
        """Judge."""
        standing = self._counts("tag", where="status != 'cancelled'")
        return {**super().stats(), "standing": standing, **self.ledger.stats()}


class JudgedHandler(Handler):
    """Enters a request into the ledger, and lets something befall it."""

    jobs: JudgedJobs
    kind: str
    entry: Entry | None = None
    retry_after_seconds: float | None = None

    def initialize(self, jobs: FakeJobs) -> None:
        """Take the service's jobs."""
        super().initialize(jobs)
        self.gone = asyncio.Event()

    async def prepare(self) -> None:
        """Write the request down, and let something befall it."""
        troubles: Troubles = getattr(self.jobs.troubles, self.kind)
        self.entry = self.jobs.ledger.arrived(self.kind, self.subject())
        self.entry.trouble = self.jobs.befalls(self.kind)
        await self.befall(self.entry.trouble, slow_seconds=troubles.slow_seconds)

    def subject(self) -> str:
        """Return what is asked for; nothing for many jobs at once."""
        return str(self.path_args[0]) if self.path_args else ""

    async def befall(self, trouble: Trouble | None, *, slow_seconds: float) -> None:
        """Let happen what comes before anything is done."""
        wish = self.jobs.behaviour.retry_after_seconds
        if trouble is Trouble.FULL:
            raise RefusedError(429, "too many requests", retry_after_seconds=wish)
        if trouble is Trouble.UNAVAILABLE:
            raise RefusedError(random.choice(_ERRORS), "unavailable", retry_after_seconds=wish)
        if trouble is Trouble.CUT:
            self.drop()
        elif trouble is Trouble.SILENT:
            await self.gone.wait()
            self.drop()
        elif trouble is Trouble.SLOW:
            await asyncio.sleep(slow_seconds)
        elif trouble is Trouble.GARBAGE:
            self.finish(random.choice(_NONSENSE))

    def drop(self) -> None:
        """Close the connection, whether a switch of ours or the behaviour's asks for it."""
        if self.entry and self.entry.trouble is None:
            self.entry.trouble = Trouble.DROPPED
        super().drop()

    def on_connection_close(self) -> None:
        """Notice that the client gave up."""
        self.gone.set()

    def retry_after(self, seconds: float) -> str:
        """Write a Retry-After header, and keep it for the ledger."""
        self.retry_after_seconds = seconds
        if not self.jobs.troubles.retry_after_is_a_date:
            return super().retry_after(seconds)
        now = self.jobs.clock()
        whole = ceil(now + seconds)
        self.retry_after_seconds = whole - now
        return formatdate(whole, usegmt=True)

    def on_finish(self) -> None:
        """Write the answer down."""
        if self.entry:
            self.jobs.ledger.told(self.entry, self.get_status(), self.retry_after_seconds)


class Polls(JudgedHandler, StatusHandler):
    """Describes many jobs."""

    kind = "poll"


class Results(JudgedHandler, ResultHandler):
    """Sends results."""

    kind = "result"


class Cancels(JudgedHandler, CancelHandler):
    """Cancels jobs."""

    kind = "cancel"


class Submissions(JudgedHandler, JobsHandler):
    """Takes submissions and finds jobs by tag, and may do either badly."""

    kind = "find"

    def subject(self) -> str:
        """Return the tag."""
        if self.request.method == "POST":
            return str(self.body().get("tag"))
        return self.get_query_argument("tag")

    async def prepare(self) -> None:
        """Let something befall the request."""
        if self.request.method == "POST":
            self.kind = "submit"
        await super().prepare()

    def create(self, submission: Submission, payload_bytes: int) -> str:
        """Make the job, or two."""
        assert self.entry
        if self.entry.trouble is Trouble.REPEATED:
            self.entry.jobs.append(super().create(submission, payload_bytes))
        self.entry.jobs.append(super().create(submission, payload_bytes))
        return self.entry.jobs[-1]

    async def confirm(self, job_id: str) -> None:
        """Reply that the job is there, unless that goes wrong."""
        assert self.entry
        if self.entry.trouble is Trouble.BAD_GATEWAY:
            wish = self.jobs.behaviour.retry_after_seconds
            raise RefusedError(502, "the reply was lost", retry_after_seconds=wish)
        if self.entry.trouble is Trouble.SILENT_AFTER:
            await self.gone.wait()
        if self.entry.trouble in (Trouble.DROPPED, Trouble.SILENT_AFTER):
            self.drop()
            return
        await super().confirm(job_id)


class Config(ConfigHandler):
    """Shows and changes how jobs go and what befalls requests."""

    jobs: JudgedJobs

    def get(self) -> None:
        """Show both."""
        behaviour = self.jobs.behaviour.model_dump()
        self.finish({**behaviour, **self.jobs.troubles.model_dump()})

    def body(self) -> dict[str, Any]:
        """Return the values of the behaviour, when those of the troubles are taken out."""
        document = super().body()
        names = ServiceTroubles.model_fields.keys() & document.keys()
        try:
            self.jobs.trouble({name: document.pop(name) for name in names})
        except ValidationError as error:
            raise RefusedError(400, str(error)) from error
        return document


class LedgerHandler(Handler):
    """Shows the ledger."""

    jobs: JudgedJobs

    def get(self) -> None:
        """Show what is written down of one kind of request."""
        self.finish({"entries": self.jobs.ledger.entries(self.get_query_argument("kind"))})


STAND_IN_ROUTES = {
    **ROUTES,
    r"/jobs": Submissions,
    r"/jobs/status": Polls,
    r"/jobs/([\w-]+)/result": Results,
    r"/jobs/([\w-]+)/cancel": Cancels,
    r"/config": Config,
    r"/ledger": LedgerHandler,
}


if __name__ == "__main__":
    sys.exit(main(jobs_class=JudgedJobs, routes=STAND_IN_ROUTES))
