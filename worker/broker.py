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
    redis_transport.loads = load_message


def load_message(text: str) -> Any:
    """Read a broker message; one that nobody can read becomes a ``jobset.set_aside`` task."""
    try:
        message = loads(text)
        _require_well_formed(message)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as error:
        return _set_aside(text, error)
    return message


def _require_well_formed(message: Any) -> None:
    properties = message["properties"]
    if not isinstance(properties["delivery_tag"], str):
        raise TypeError("its delivery_tag is not text")
    body = message.get("body")
    if properties.get("body_encoding") == "base64" and body:
        base64.b64decode(body, validate=True).decode("utf-8")
    elif body is not None and not isinstance(body, str):
        raise TypeError("its body is not text")
    delivery = properties.get("delivery_info")
    if not isinstance(delivery, dict) or not isinstance(delivery["routing_key"], str):
        raise TypeError("its delivery_info is not complete")
    headers = message.get("headers") or {}
    if "task" not in headers:
        # Remote control, events: nobody looks for a task in them.
        return
    if not all(isinstance(headers.get(name), str) for name in ("task", "id")):
        raise TypeError("its headers do not name a task and its id")
    _require_plain_headers(headers, message)


def _require_plain_headers(headers: dict[str, Any], message: dict[str, Any]) -> None:
    """Refuse what Celery would interpret: times, limits, other serializers."""
    if message.get("content-type") != "application/json":
        raise ValueError(f"its content type is {message.get('content-type')!r}, not JSON")
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


