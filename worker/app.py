"""The Celery application: ``celery -A worker.app worker``.

Messages are acknowledged when they are taken, on purpose: the truth is in the store, and
recovery sends again what was lost, so nothing depends on acknowledgements or time-outs.
"""

import os

from celery import Celery
from kombu import Exchange, Queue

from jobset_protocol import keys
from jobset_protocol.store.server import CONNECT_TIMEOUT_SECONDS, SOCKET_TIMEOUT_SECONDS
from jobset_protocol.urls import broker_url
from worker import broker
from worker.events import EventsInBulk
from worker.settings import WorkerSettings, load_backends

# One OpenMP thread a child unless configured: children that each start a thread per core take
# the cores from one another, which made Aer twice as slow.  Read when Aer is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    # Celery prefers them to what it is given: another project's broker, then.
    os.environ.pop(name, None)
broker.install()
settings = WorkerSettings()
backends = load_backends(settings.config)

app = Celery(
    "jobset",
    broker=settings.broker_url or broker_url(settings.url),
    include=["worker.tasks", "worker.instrumentation"],
)
app.amqp.Connection = broker.PromptConnection
app.conf.update(
    task_queues=[
        Queue(name, Exchange(""), routing_key=name)
        for alias in backends
        for name in (keys.queue(alias), keys.collect_queue(alias))
    ],
    task_default_queue=keys.queue(next(iter(backends))),
    task_create_missing_queues=True,
    task_ignore_result=True,
    task_acks_late=False,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    # One message ahead of each process: a held one is sent again by recovery if others idle.
    worker_disable_prefetch=False,
    # Flower reads these; a sent event costs the client time and tells nothing more.
    worker_send_task_events=True,
    task_send_sent_event=False,
    # Without remote control a worker idles for ever after Redis restarts with all slots busy.
    worker_enable_remote_control=True,
    worker_hijack_root_logger=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # No second copy of each message in Redis until it is acknowledged: recovery replaces it,
        # and it was half of the main process's work.
        "ack_emulation": False,
        "socket_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_keepalive": True,
        # A pop that waits on a half-open connection is never answered.  It is given up when it is
        # overdue by this, looked at as often: after 4 to 8 seconds, and not up to 51 as by default.
        "health_check_interval": 3,
    },
)
app.steps["consumer"].add(EventsInBulk)
