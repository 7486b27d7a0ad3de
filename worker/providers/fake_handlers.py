"""What :mod:`worker.providers.fake_service` answers, one handler a path."""

import asyncio
import base64
import binascii
import json
import os
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from tornado.web import Application, RequestHandler

from worker.providers.fake_behaviour import FakeBehaviour, RefusedError, Submission
from worker.providers.fake_jobs import FakeJobs

_QPY_MAGIC = b"QISKIT"


class Handler(RequestHandler):
    """Replies in JSON; what a client got wrong is told in ``error``."""

    def initialize(self, jobs: FakeJobs) -> None:
        """Take the service's jobs."""
        self.jobs = jobs

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object."""
        try:
            document = json.loads(self.request.body)
        except ValueError as error:
            raise RefusedError(400, f"the body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise RefusedError(400, "the body is not a JSON object")
        return document

    def known(self, job_id: str) -> dict[str, Any]:
        """Return one job."""
        jobs = self.jobs.get([job_id])
        if not jobs:
            raise RefusedError(404, f"no job {job_id}")
        return jobs[0]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Describe a refusal."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, RefusedError):
            self.set_status(error.code)
            if error.retry_after_seconds is not None:
                self.set_header("Retry-After", self.retry_after(error.retry_after_seconds))
        self.finish({"error": str(error or self._reason), "code": status_code})

    def retry_after(self, seconds: float) -> str:
        """Write a Retry-After header."""
        return str(seconds)

    def drop(self) -> None:
        """Close the connection without a reply."""
        self.detach().close()

    def log_exception(self, *exc_info: Any) -> None:
        """Keep refusals, which are replies, out of the log."""
        if not isinstance(exc_info[1], RefusedError):
            super().log_exception(*exc_info)


class JobsHandler(Handler):
    """Takes submissions, and finds jobs by tag."""

    def get(self) -> None:
        """Find jobs by tag."""
        self.finish({"jobs": self.jobs.find(self.get_query_argument("tag"))})

    async def post(self) -> None:
        """Submit."""
        behaviour = self.jobs.behaviour
        submission, payload_bytes = self.submission()
        await asyncio.sleep(behaviour.submit_latency_seconds / 2)
        if random.random() < behaviour.error_rate:
            raise RefusedError(500, "out of order by configuration (error_rate)")
        job_id = self.create(submission, payload_bytes)
        await asyncio.sleep(behaviour.submit_latency_seconds / 2)
        await self.confirm(job_id)

    def submission(self) -> tuple[Submission, int]:
        """Return what was submitted, and the size of its circuits."""
        document = self.body()
        payload = _qpy(document.pop("qpy", None))
        try:
            return Submission.model_validate(document), len(payload)
        except ValidationError as error:
            raise RefusedError(400, str(error)) from error

    def create(self, submission: Submission, payload_bytes: int) -> str:
        """Make the job and return its id."""
        return self.jobs.create(submission, payload_bytes=payload_bytes)

    async def confirm(self, job_id: str) -> None:
        """Reply that the job is there, or lose the reply."""
        if random.random() < self.jobs.behaviour.drop_rate:
            self.drop()
            return
        self.set_status(201)
        self.finish({"id": job_id})


class StatusHandler(Handler):
    """Describes many jobs at once."""

    def post(self) -> None:
        """Describe many jobs."""
        ids = self.body().get("ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise RefusedError(400, "ids must be a list of job ids")
        self.finish({"jobs": self.jobs.get(ids)})


class JobHandler(Handler):
    """Describes one job."""

    def get(self, job_id: str) -> None:
        """Describe one job."""
        self.finish(self.known(job_id))


class ResultHandler(Handler):
    """Sends results."""

    def get(self, job_id: str) -> None:
        """Send the result of a job that is done."""
        job = self.known(job_id)
        if job["status"] != "done":
            self.set_status(409)
            self.finish({**job, "error": job["error"] or f"the job is {job['status']}"})
            return
        self.finish({"id": job_id, "experiments": self.jobs.experiments(job_id)})


class CancelHandler(Handler):
    """Cancels jobs."""

    def post(self, job_id: str) -> None:
        """Cancel a job."""
        self.known(job_id)
        self.finish({"cancelled": self.jobs.cancel(job_id)})


class StatsHandler(Handler):
    """Counts submissions."""

    def get(self) -> None:
        """Count submissions."""
        self.finish(self.jobs.stats())


class HealthHandler(Handler):
    """Answers while the service is up."""

    def get(self) -> None:
        """Say that the service is up."""
        self.finish({"status": "up", "pid": os.getpid()})


class ConfigHandler(Handler):
    """Shows and changes how jobs go."""

    def get(self) -> None:
        """Show the behaviour."""
        self.finish(self.jobs.behaviour.model_dump())

    def put(self) -> None:
        """Change the values that the body names."""
        try:
            changed = {**self.jobs.behaviour.model_dump(), **self.body()}
            self.jobs.behaviour = FakeBehaviour.model_validate(changed)
        except ValidationError as error:
            raise RefusedError(400, str(error)) from error
        self.get()


class _Elsewhere(Handler):
    def prepare(self) -> None:
        """Refuse every other path."""
        raise RefusedError(404, f"no {self.request.path} here")


def _qpy(text: object) -> bytes:
    try:
        payload = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        payload = b""
    if not payload.startswith(_QPY_MAGIC):
        raise RefusedError(400, "qpy must hold the circuits' QPY in base64")
    return payload


Routes = Mapping[str, type[Handler]]
ROUTES: Routes = MappingProxyType(
    {
        r"/jobs": JobsHandler,
        r"/jobs/status": StatusHandler,
        r"/jobs/([\w-]+)": JobHandler,
        r"/jobs/([\w-]+)/result": ResultHandler,
        r"/jobs/([\w-]+)/cancel": CancelHandler,
        r"/stats": StatsHandler,
        r"/health": HealthHandler,
        r"/config": ConfigHandler,
    }
)


def application(jobs: FakeJobs, routes: Routes = ROUTES) -> Application:
    """Return the service's routes."""
    return Application(
        [(path, handler, {"jobs": jobs}) for path, handler in routes.items()],
        default_handler_class=_Elsewhere,
        default_handler_args={"jobs": jobs},
        log_function=lambda _: None,
    )
