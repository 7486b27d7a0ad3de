"""A Celery application whose worker holds a message unacknowledged for as long as a test wants."""

import os
import time
from pathlib import Path

from celery import Celery

from jobset_protocol.urls import broker_url
from worker import broker

if os.environ["MENDED"] == "yes":
    broker.install()

app = Celery("held", broker=broker_url(os.environ["HELD_URL"]))
app.conf.update(
    task_acks_late=True, task_ignore_result=True, broker_connection_retry_on_startup=True
)


@app.task(name="held.hold")  # type: ignore[untyped-decorator]
def hold(started: str, end: str) -> None:
    """Say that this task began, then wait for its end to be allowed."""
    Path(started).touch()
    while not Path(end).exists():
        time.sleep(0.02)
