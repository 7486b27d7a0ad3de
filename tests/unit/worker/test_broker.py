"""What the mended transport does with messages and with lost connections."""

import base64
import json
from typing import Any

import pytest
from kombu.transport import redis as redis_transport

from worker import broker


def message(**changes: Any) -> dict[str, Any]:
    return {
        "body": base64.b64encode(b"[[], {}, {}]").decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "jobset.submit_chunk", "id": "7", "timelimit": [None, None]},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": "7",
            "delivery_info": {"exchange": "", "routing_key": "jobset.aer"},
        },
    } | changes


def test_a_well_formed_message_passes_untouched() -> None:
    assert broker.readable(message()) == message()


def test_a_message_of_remote_control_passes() -> None:
    control = message(headers={}, body=None)
    assert broker.readable(control) == control


def test_what_the_transport_keeps_for_itself_passes() -> None:
    kept = [message(), "exchange", "key"]
    assert broker.load_document(json.dumps(kept)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "[" * 5000,
        "null",
        "{}",
        json.dumps(message(body="***")),
        json.dumps(message(body=17)),
        json.dumps(message(properties={"delivery_tag": 3})),
        json.dumps(message(properties=None)),
        json.dumps([message(), "", ""]),
        json.dumps(message(headers="task")),
        json.dumps(message(headers={"task": "jobset.submit_chunk"})),
        json.dumps(message(headers={"task": ["x"], "id": "7"})),
        json.dumps(message(headers={"task": "t", "id": "7", "eta": "now"})),
        json.dumps(message(headers={"task": "t", "id": "7", "timelimit": [1, 1]})),
        json.dumps(message(headers={"task": "t", "id": "7", "retries": "many"})),
        json.dumps(message(**{"content-type": "application/x-python-serialize"})),
    ],
)
def test_a_malformed_message_becomes_a_task_that_keeps_it(text: str) -> None:
    replacement = broker.readable(broker.load_document(text))
    assert replacement["headers"]["task"] == broker.SET_ASIDE_TASK
    [kept, reason], _, _ = json.loads(base64.b64decode(replacement["body"]))
    assert kept[:3] == text[:3]
    assert reason
    # The replacement itself is well-formed.
    assert broker.readable(replacement) == replacement


def test_a_lost_client_means_connect_again() -> None:
    broker.install()
    broker.install()
    errors = redis_transport.Transport.connection_errors
    assert errors.count(AttributeError) == 1
    assert redis_transport.loads is broker.load_document
