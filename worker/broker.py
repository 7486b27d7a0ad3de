"""Mend three faults of the Redis transport that end workers (kombu 5.7.0).

- A worker that holds an unacknowledged message when Redis goes away dies of an
  ``AttributeError`` on the cleared client, since it is not among the errors that mean "connect
  again".  It is added to them.
- So does an idle worker when its Redis refuses to pop a message: its disk is full, or it became a
  replica.  It asks again, a second later and over a new connection.  Whatever else is refused
  means "connect again", too.
- A malformed message raises in the event loop and ends every worker that reads it, or is read
  again and again.  So no message on our queues reaches Celery as it came: it is made anew from
  the few things in it that we know, or else from its text, for ``jobset.set_aside``, which keeps
  that where an operator finds it.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from queue import Empty
from types import MappingProxyType
from typing import Any, NoReturn

from kombu import Connection
from kombu.transport import redis as redis_transport
from kombu.transport import virtual
from kombu.utils.json import loads

from jobset_protocol import keys
from jobset_protocol.messages import COLLECT_TASK, SUBMIT_TASK
from jobset_protocol.store.patience import Outage, refusal

SET_ASIDE_TASK = "jobset.set_aside"
_TEXT_KEPT = 2000
_ID_LENGTH = 200
_REFUSED_PAUSE_SECONDS = 1.0
_ARGUMENTS: Mapping[str, list[type]] = MappingProxyType(
    {SUBMIT_TASK: [str, int], COLLECT_TASK: [str, int], SET_ASIDE_TASK: [str, str]}
)
"""Task → the types of its arguments."""

_ResponseError: type[Exception] = redis_transport.redis.exceptions.ResponseError
_start_to_pop: Callable[..., Any] = redis_transport.Channel._brpop_start
_read_popped: Callable[..., Any] = redis_transport.Channel._brpop_read
_receive_broadcast: Callable[..., Any] = redis_transport.Channel._receive
_outage = Outage("broker")


class PromptConnection(Connection):
    """Tries again soon when its server is away: a restart takes a second, and not half a minute.

    Celery fixes the pauses at 2, 4, 6 … 30 seconds.
    """

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, trying for as long as the caller says."""
        pauses = {"interval_start": 0.2, "interval_step": 0.5, "interval_max": 5.0}
        return super().ensure_connection(*args, **{**pauses, **kwargs})


def install() -> None:
    """Mend the transport of this process; may be called again."""
    transports = [redis_transport.Transport]
    if hasattr(redis_transport, "SentinelTransport"):
        transports.append(redis_transport.SentinelTransport)
    for transport in transports:
        for error in (AttributeError, _ResponseError):
            if error not in transport.connection_errors:
                transport.connection_errors = (*transport.connection_errors, error)
    redis_transport.loads = load_document
    redis_transport.Transport._deliver = _deliver
    redis_transport.Channel._brpop_start = _brpop_start
    redis_transport.Channel._brpop_read = _brpop_read
    redis_transport.Channel._receive = _receive


def load_document(text: str) -> Any:
    """Read what the transport keeps in Redis; text that is not JSON is handed on as text."""
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text


def readable(message: Any) -> dict[str, Any]:
    """Return a message of ours with the same task and arguments, or a task that keeps its text."""
    try:
        return _made_anew(message)
    except Exception as error:  # noqa: BLE001  (nothing that a message holds may end a worker)
        return _set_aside(message, error)


def _deliver(self: Any, message: Any, queue: str) -> None:
    """Take the place of the transport's method of this name."""
    if queue.startswith(f"{keys.PREFIX}."):
        message = readable(message)
        # A worker that stops puts back here what it has not begun.
        message["properties"]["delivery_info"]["routing_key"] = queue
    virtual.Transport._deliver(self, message, queue)


def _brpop_start(self: Any, timeout: float | None = None) -> None:
    """Take the place of the channel's method of this name; called at every turn of its loop."""
    if time.monotonic() >= getattr(self, "refused_until", 0.0):
        _start_to_pop(self, timeout)


def _brpop_read(self: Any, **options: Any) -> Any:
    """Take the place of the channel's method of this name."""
    try:
        popped = _read_popped(self, **options)
    except _ResponseError as error:
        self.refused_until = time.monotonic() + _REFUSED_PAUSE_SECONDS
        _stay_if_refused(error)
    except Empty:
        _outage.is_over()
        raise
    _outage.is_over()
    return popped


def _receive(self: Any) -> Any:
    """Take the place of the channel's method of this name: a full disk refuses even a PING."""
    try:
        return _receive_broadcast(self)
    except _ResponseError as error:
        _stay_if_refused(error)


def _stay_if_refused(error: Exception) -> NoReturn:
    refused = refusal(error)
    if refused is None:
        raise error
    _outage.goes_on(refused)
    raise Empty from None


def _made_anew(message: Any) -> dict[str, Any]:
    headers, properties = message["headers"], message["properties"]
    task, task_id = headers["task"], headers["id"]
    if task not in _ARGUMENTS:
        raise ValueError("it names no task of ours")
    if not isinstance(task_id, str) or len(task_id) > _ID_LENGTH:
        raise TypeError("its id is not a short text")
    body = message["body"]
    if properties.get("body_encoding") == "base64":
        body = base64.b64decode(body, validate=True)
    arguments, keywords, _ = json.loads(body)
    if keywords or [type(each) for each in arguments] != _ARGUMENTS[task]:
        raise TypeError("its arguments are not those of its task")
    shown = headers.get("argsrepr")
    if not isinstance(shown, str):
        shown = repr(tuple(arguments))
    return _message(task, task_id, arguments, shown[:_TEXT_KEPT])


def _set_aside(message: Any, error: Exception) -> dict[str, Any]:
    try:
        text = message if isinstance(message, str) else json.dumps(message)
    except (ValueError, TypeError, RecursionError):
        text = "a message that cannot be written"
    reason = f"{type(error).__name__}: {error}"
    arguments = [text[:_TEXT_KEPT], reason[:_TEXT_KEPT]]
    return _message(SET_ASIDE_TASK, str(uuid.uuid4()), arguments, "(a malformed message)")


def _message(task: str, task_id: str, arguments: list[Any], shown: str) -> dict[str, Any]:
    body = json.dumps([arguments, {}, {}]).encode()
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": task_id, "root_id": task_id, "lang": "py",
                    "argsrepr": shown, "kwargsrepr": "{}", "ignore_result": True},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }  # fmt: skip
