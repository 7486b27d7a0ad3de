"""Mend two faults of the Redis transport that end workers (kombu 5.7.0).

- A worker that holds an unacknowledged message when Redis goes away dies of an
  ``AttributeError`` on the cleared client, since it is not among the errors that mean "connect
  again".  It is added to them.
- A malformed message raises in the event loop and ends every worker that reads it, or is read
  again and again.  So no message on our queues reaches Celery as it came: it is made anew from
  the few things in it that we know, or else from its text, for ``jobset.set_aside``, which keeps
  that where an operator finds it.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kombu.transport import redis as redis_transport
from kombu.transport import virtual
from kombu.utils.json import loads

from jobset_protocol import keys
from jobset_protocol.messages import COLLECT_TASK, SUBMIT_TASK

SET_ASIDE_TASK = "jobset.set_aside"
_TEXT_KEPT = 2000
_ID_LENGTH = 200
_ARGUMENTS: Mapping[str, list[type]] = MappingProxyType(
    {SUBMIT_TASK: [str, int], COLLECT_TASK: [str, int], SET_ASIDE_TASK: [str, str]}
)
"""Task → the types of its arguments."""


def install() -> None:
    """Mend the transport of this process; may be called again."""
    transports = [redis_transport.Transport]
    if hasattr(redis_transport, "SentinelTransport"):
        transports.append(redis_transport.SentinelTransport)
    for transport in transports:
        if AttributeError not in transport.connection_errors:
            transport.connection_errors = (*transport.connection_errors, AttributeError)
    redis_transport.loads = load_document
    redis_transport.Transport._deliver = _deliver


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
