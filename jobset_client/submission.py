"""Enqueue chunks: one Celery task each, published in batches.

A message holds ids only and may be lost or repeated without harm: workers claim chunks in the
store, and recovery re-sends what no message is left for.  So a batch whose outcome is unknown is
simply published again.
"""

import threading
import time
import uuid
from typing import Protocol
from urllib.parse import urlsplit

from celery import Celery
from celery.utils.nodenames import anon_nodename
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from jobset_protocol import keys
from jobset_protocol.errors import ConfigurationError, StoreUnavailableError
from jobset_protocol.messages import SUBMIT_TASK, SetRecord, task_summary
from jobset_protocol.store import without_password

_MESSAGES_PER_BATCH = 500
_PATIENCE_SECONDS = 4.0
"""How long a batch is tried anew: a broker may be restarting, and a dead one must show soon."""
_FIRST_BACKOFF_SECONDS = 0.1
_MOST_BACKOFF_SECONDS = 1.0
_CONNECT_TIMEOUT_SECONDS = 3.0
_SOCKET_TIMEOUT_SECONDS = 4.0


class Sender(Protocol):
    """What sends chunks' messages; :class:`TaskSender` does it through Celery."""

    def send(self, job_set: SetRecord, indices: range) -> None:
        """Enqueue some chunks of a set.

        Raises:
            StoreUnavailableError: The broker does not answer.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class TaskSender:
    """Publishes submit tasks over one connection; threads take turns.

    Args:
        broker_url: Where to; kombu's spelling.

    Raises:
        ConfigurationError: kombu has no transport for the URL.
    """

    def __init__(self, broker_url: str) -> None:
        _require_transport(broker_url)
        self._url = broker_url
        self._app = Celery("jobset-client", set_as_current=False, fixups=[])
        self._origin = anon_nodename()
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def send(self, job_set: SetRecord, indices: range) -> None:
        """See :meth:`Sender.send`."""
        gives_up_at = time.monotonic() + _PATIENCE_SECONDS
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        with self._lock:
            while True:
                connection = self._connection or self._connect()
                try:
                    return self._publish(connection, job_set, indices)
                except (
                    KombuError,
                    OSError,
                    *connection.connection_errors,
                    *connection.channel_errors,
                ) as error:
                    self._drop_connection()
                    if time.monotonic() >= gives_up_at:
                        raise StoreUnavailableError(
                            f"the broker {connection.as_uri()} does not take messages "
                            f"({_cause(error)}); see that it runs and that its URL is right"
                        ) from error
                time.sleep(backoff_seconds)
                backoff_seconds = min(2 * backoff_seconds, _MOST_BACKOFF_SECONDS)

    def close(self) -> None:
        """See :meth:`Sender.close`."""
        with self._lock:
            self._drop_connection()

    def _publish(self, connection: Connection, job_set: SetRecord, indices: range) -> None:
        queue = keys.queue(job_set.backend)
        with Producer(connection) as producer, producer.batch(max_size=_MESSAGES_PER_BATCH):
            for index in indices:
                message = self._app.amqp.as_task_v2(
                    str(uuid.uuid4()),
                    SUBMIT_TASK,
                    (job_set.set_id, index),
                    {},
                    ignore_result=True,
                    origin=self._origin,
                    argsrepr=task_summary(job_set, index),
                    kwargsrepr="{}",
                )
                producer.publish(
                    message.body,
                    exchange="",
                    routing_key=queue,
                    serializer="json",
                    headers=message.headers,
                    delivery_mode=2,
                    **message.properties,
                )

    def _connect(self) -> Connection:
        self._connection = self._app.connection_for_write(
            self._url,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            transport_options=_transport_options(self._url),
        )
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()


def _require_transport(broker_url: str) -> None:
    try:
        if "://" not in broker_url:
            raise ValueError("it names no scheme")
        Connection(broker_url)
    except (ValueError, LookupError, ImportError):
        raise ConfigurationError(
            f"{without_password(broker_url)!r} is not the URL of a broker that can be used here; "
            "give one such as redis://host:6379/0 or amqp://host"
        ) from None


def _transport_options(broker_url: str) -> dict[str, object]:
    # Without them kombu tries to connect for ever.
    options: dict[str, object] = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
    if urlsplit(broker_url).scheme.startswith(("redis", "sentinel")):
        options |= {
            "socket_timeout": _SOCKET_TIMEOUT_SECONDS,
            "socket_connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "socket_keepalive": True,
        }
    return options


def _cause(error: BaseException) -> str:
    """Return what is behind kombu's own words."""
    cause = error.__cause__
    return str(cause) if isinstance(error, KombuError) and cause else str(error)
