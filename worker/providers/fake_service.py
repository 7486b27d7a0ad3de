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
import signal
import sys
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from jobset_protocol.errors import ConfigurationError
from worker.providers.fake_behaviour import FakeBehaviour
from worker.providers.fake_handlers import ROUTES, Routes, application
from worker.providers.fake_jobs import FakeJobs

_MAX_BODY_BYTES = 1 << 30


async def serve(
    port: int,
    directory: Path,
    behaviour: FakeBehaviour,
    *,
    jobs_class: type[FakeJobs] = FakeJobs,
    routes: Routes = ROUTES,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    directory.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sockets = bind_sockets(port, "127.0.0.1")
    jobs = jobs_class(directory / "jobs.sqlite3", behaviour)
    server = HTTPServer(
        application(jobs, routes), max_body_size=_MAX_BODY_BYTES, max_buffer_size=_MAX_BODY_BYTES
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


def main(
    arguments: list[str] | None = None,
    *,
    jobs_class: type[FakeJobs] = FakeJobs,
    routes: Routes = ROUTES,
) -> int:
    """Run the service; see the module's docstring.

    Args:
        arguments: The command line's.
        jobs_class: In place of :class:`FakeJobs`, for services that misbehave further.
        routes: In place of :data:`ROUTES`, likewise.
    """
    parser = argparse.ArgumentParser(description="The fake provider's service.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--directory", type=Path, required=True, help="for its jobs and its port")
    parser.add_argument("--config", type=Path, help="TOML or JSON file: how jobs go")
    chosen = parser.parse_args(arguments)
    try:
        behaviour = FakeBehaviour.read(chosen.config) if chosen.config else FakeBehaviour()
        service = serve(
            chosen.port, chosen.directory, behaviour, jobs_class=jobs_class, routes=routes
        )
        asyncio.run(service)
    except (ConfigurationError, OSError) as error:
        print(f"fake provider: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
