"""The fake provider's service: a process of its own, whose jobs outlive the workers and itself.

::

    python -m worker.providers.fake_service --port 0 --directory DIR [--config FILE]

It listens on the loopback interface only, writes its port to ``DIR/port`` and keeps its jobs in
``DIR/jobs.sqlite3``.  ``FILE`` (TOML or JSON) holds a :class:`FakeBehaviour`.

==========================  ===================================================================
``POST /jobs``              submit: a :class:`Submission` and ``qpy`` (base64); 201 and the id
``GET /jobs?tag=``          the jobs with this tag, the oldest first
``POST /jobs/status``       ``{"ids": […]}``; the jobs among them that are known
``GET /jobs/<id>``          one job
``GET /jobs/<id>/result``   its experiments; 409 unless it is done
``POST /jobs/<id>/cancel``  whether it could be cancelled
``GET /stats``              jobs ever created, in all and by tag: the judge of duplicates
``GET /health``             200
``GET``, ``PUT /config``    the behaviour; PUT changes the values that it names
==========================  ===================================================================
"""

import argparse
import asyncio
import base64
import binascii
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from jobset_protocol.errors import ConfigurationError
from worker.providers.fake_behaviour import FakeBehaviour, RefusedError, Submission
from worker.providers.fake_jobs import FakeJobs

_QPY_MAGIC = b"QISKIT"
_MAX_BODY_BYTES = 1 << 30


class _Handler(RequestHandler):
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
                self.set_header("Retry-After", str(error.retry_after_seconds))
        self.finish({"error": str(error or self._reason), "code": status_code})

    def log_exception(self, *exc_info: Any) -> None:
        """Keep refusals, which are replies, out of the log."""
        if not isinstance(exc_info[1], RefusedError):
            super().log_exception(*exc_info)


class _Jobs(_Handler):
    def get(self) -> None:
        """Find jobs by tag."""
        self.finish({"jobs": self.jobs.find(self.get_query_argument("tag"))})

    async def post(self) -> None:
        """Submit."""
        behaviour = self.jobs.behaviour
        document = self.body()
        payload = _qpy(document.pop("qpy", None))
        try:
            submission = Submission.model_validate(document)
        except ValidationError as error:
            raise RefusedError(400, str(error)) from error
        await asyncio.sleep(behaviour.submit_latency_seconds / 2)
        if random.random() < behaviour.error_rate:
            raise RefusedError(500, "out of order by configuration (error_rate)")
        job_id = self.jobs.create(submission, payload_bytes=len(payload))
        await asyncio.sleep(behaviour.submit_latency_seconds / 2)
        if random.random() < behaviour.drop_rate:
            self.detach().close()
            return
        self.set_status(201)
        self.finish({"id": job_id})


class _Status(_Handler):
    def post(self) -> None:
        """Describe many jobs."""
        ids = self.body().get("ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise RefusedError(400, "ids must be a list of job ids")
        self.finish({"jobs": self.jobs.get(ids)})


class _Job(_Handler):
    def get(self, job_id: str) -> None:
        """Describe one job."""
        self.finish(self.known(job_id))


class _Result(_Handler):
    def get(self, job_id: str) -> None:
        """Send the result of a job that is done."""
        job = self.known(job_id)
        if job["status"] != "done":
            self.set_status(409)
            self.finish({**job, "error": job["error"] or f"the job is {job['status']}"})
            return
        self.finish({"id": job_id, "experiments": self.jobs.experiments(job_id)})


class _Cancel(_Handler):
    def post(self, job_id: str) -> None:
        """Cancel a job."""
        self.known(job_id)
        self.finish({"cancelled": self.jobs.cancel(job_id)})


class _Stats(_Handler):
    def get(self) -> None:
        """Count submissions."""
        self.finish(self.jobs.stats())


class _Health(_Handler):
    def get(self) -> None:
        """Say that the service is up."""
        self.finish({"status": "up", "pid": os.getpid()})


class _Config(_Handler):
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


class _Elsewhere(_Handler):
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


def application(jobs: FakeJobs) -> Application:
    """Return the service's routes."""
    routes: list[tuple[str, type[_Handler]]] = [
        (r"/jobs", _Jobs),
        (r"/jobs/status", _Status),
        (r"/jobs/([\w-]+)", _Job),
        (r"/jobs/([\w-]+)/result", _Result),
        (r"/jobs/([\w-]+)/cancel", _Cancel),
        (r"/stats", _Stats),
        (r"/health", _Health),
        (r"/config", _Config),
    ]
    return Application(
        [(path, handler, {"jobs": jobs}) for path, handler in routes],
        default_handler_class=_Elsewhere,
        default_handler_args={"jobs": jobs},
        log_function=lambda _: None,
    )


async def serve(port: int, directory: Path, behaviour: FakeBehaviour) -> None:
    """Serve until SIGTERM or SIGINT."""
    directory.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sockets = bind_sockets(port, "127.0.0.1")
    jobs = FakeJobs(directory / "jobs.sqlite3", behaviour)
    server = HTTPServer(
        application(jobs), max_body_size=_MAX_BODY_BYTES, max_buffer_size=_MAX_BODY_BYTES
    )
    server.add_sockets(sockets)
    actual = sockets[0].getsockname()[1]
    # Renamed into place: a supervisor that waits for the file never reads half a number.
    partial = directory / "port.partial"
    partial.write_text(str(actual), encoding="ascii")
    partial.replace(directory / "port")
    print(f"fake provider on http://127.0.0.1:{actual}", flush=True)
    await stop.wait()
    server.stop()
    await server.close_all_connections()
    jobs.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the service; see the module's docstring."""
    parser = argparse.ArgumentParser(description="The fake provider's service.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--directory", type=Path, required=True, help="for its jobs and its port")
    parser.add_argument("--config", type=Path, help="TOML or JSON file: how jobs go")
    chosen = parser.parse_args(arguments)
    try:
        behaviour = FakeBehaviour.read(chosen.config) if chosen.config else FakeBehaviour()
        asyncio.run(serve(chosen.port, chosen.directory, behaviour))
    except (ConfigurationError, OSError) as error:
        print(f"fake provider: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
