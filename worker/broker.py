"""Mend two faults of the Redis transport that end workers (kombu 5.7.0).

- A worker that holds an unacknowledged message when Redis goes away dies of an
  ``AttributeError`` on the cleared client, since it is not among the errors that mean "connect
  again".  It is added to them.
- A message that is not well-formed (not JSON, or a body that is not base64) raises in the event
  loop and ends every worker that reads it.  Such a message is replaced by one for
  ``jobset.set_aside``, which keeps its text where an operator finds it.
"""

import base64
import json
import uuid
from typing import Any

from kombu.transport import redis as redis_transport
from kombu.transport import virtual
from kombu.utils.json import loads

SET_ASIDE_TASK = "jobset.set_aside"
_TEXT_KEPT = 2000


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
    """Return a message that every worker can read: this one, or a task that keeps its text."""
    try:
        _require_well_formed(message)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = message if isinstance(message, str) else json.dumps(message)
        return _set_aside(text, error)
    well_formed: dict[str, Any] = message
    return well_formed


def _deliver(self: Any, message: Any, queue: str) -> None:
    """Take the place of the transport's method of this name."""
    virtual.Transport._deliver(self, readable(message), queue)


def _require_well_formed(message: Any) -> None:
    if not isinstance(message, dict):
        raise TypeError("it is not a JSON object")
    properties = message["properties"]
    if not isinstance(properties["delivery_tag"], str):
        raise TypeError("its delivery_tag is not text")
    body = message.get("body")
    if body is not None and not isinstance(body, str):
        raise TypeError("its body is not text")
    if properties.get("body_encoding") == "base64" and body:
        body = base64.b64decode(body, validate=True).decode("utf-8")
    delivery = properties.get("delivery_info")
    if not isinstance(delivery, dict) or not isinstance(delivery["routing_key"], str):
        raise TypeError("its delivery_info is not complete")
    headers = message.get("headers") or {}
    if not isinstance(headers, dict):
        raise TypeError("its headers are not a table")
    if "task" not in headers:
        # Remote control, events: nobody looks for a task in them.
        return
    if not all(isinstance(headers.get(name), str) for name in ("task", "id")):
        raise TypeError("its headers do not name a task and its id")
    if message.get("content-type") != "application/json":
        raise ValueError(f"its content type is {message.get('content-type')!r}, not JSON")
    arguments, keywords, embedded = json.loads(body or "")
    if not (isinstance(arguments, list) and isinstance(keywords, dict)):
        raise TypeError("its arguments are not a list and a table")
    if not isinstance(embedded, dict | None):
        raise TypeError("its callbacks are not a table")
    _require_plain_headers(headers)


def _require_plain_headers(headers: dict[str, Any]) -> None:
    """Refuse what Celery would interpret: times and limits."""
    if headers.get("eta") or headers.get("expires"):
        raise ValueError("it has an eta or an expiry, which no message of ours has")
    limits = headers.get("timelimit") or [None, None]
    if limits != [None, None]:
        raise ValueError("it sets its own time limit")
    if not isinstance(headers.get("retries", 0), int):
        raise TypeError("its count of retries is not a number")


def _set_aside(text: str, error: Exception) -> dict[str, Any]:
    task_id = str(uuid.uuid4())
    reason = f"{type(error).__name__}: {error}"
    arguments = [text[:_TEXT_KEPT], reason[:_TEXT_KEPT]]
    body = json.dumps([arguments, {}, {}]).encode()
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": SET_ASIDE_TASK, "id": task_id, "root_id": task_id, "lang": "py",
                    "argsrepr": "(a malformed message)", "kwargsrepr": "{}", "ignore_result": True},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "malformed"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": task_id,
        },
    }  # fmt: skip
