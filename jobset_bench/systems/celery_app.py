"""A competent plain-Celery script: JSON messages, the chunk as base64 QPY in the message.

The worker is ``celery -A jobset_bench.systems.celery_app -b URL --result-backend URL worker``.
"""

import base64
import os
from typing import Any

from celery import Celery

from jobset_bench.chunk_work import RUNNERS
from jobset_bench.workloads import Counts, WorkloadName
from jobset_client.supervision.commands import CELERY_ADDRESSES

TASK = "bench.run_chunk"


def run_chunk(kind: str, payload: str, shots: int, seed: int) -> list[Counts]:
    """Run a chunk's circuits; the counts return as JSON through the result backend."""
    return RUNNERS[WorkloadName(kind)](base64.b64decode(payload), shots, seed)


def make_app(url: str | None = None) -> Any:
    """Return a Celery application whose broker and result backend are ``url``.

    Without one it takes them from the worker's command line.
    """
    if url is not None:
        for name in CELERY_ADDRESSES:
            # Celery prefers them to what it is given: the user's broker, then.
            os.environ.pop(name, None)
    app = Celery("jobset_bench", broker=url, backend=url)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
    )
    app.task(name=TASK)(run_chunk)
    return app


app = make_app()
