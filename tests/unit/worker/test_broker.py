"""What the mended transport does with messages and with lost connections."""

import base64
import json
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from kombu.transport import redis as redis_transport

from worker import broker


def message(body: Any = (("0" * 32, 3), {}, {}), **changes: Any) -> dict[str, Any]:
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "jobset.submit_chunk", "id": "7", "argsrepr": "(shown)"},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": "7",
            "delivery_info": {"exchange": "", "routing_key": "jobset.aer"},
        },
    } | changes


def content(of: dict[str, Any]) -> tuple[str, str, Any]:
    return (
        of["headers"]["task"],
        of["headers"]["argsrepr"],
        json.loads(base64.b64decode(of["body"]))[0],
    )


def test_a_message_of_ours_keeps_its_task_its_id_and_its_arguments() -> None:
    read = broker.readable(message())
    assert content(read) == ("jobset.submit_chunk", "(shown)", ["0" * 32, 3])
    assert read["headers"]["id"] == "7"


def test_nothing_else_of_a_message_reaches_celery() -> None:
    hostile = {"eta": "now", "stamped_headers": 5, "origin": [[]], "timelimit": 9, "retries": "x"}
    plain = message()
    odd = message(**{"content-encoding": 5, "content-type": ["x"]})
    odd["headers"] = plain["headers"] | hostile
    read = broker.readable(odd)
    assert not hostile.keys() & read["headers"].keys()
    assert content(read) == content(broker.readable(plain))
    assert (read["content-type"], read["content-encoding"]) == ("application/json", "utf-8")


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
        json.dumps(message() | {"body": "***"}),
        json.dumps(message() | {"body": 17}),
        json.dumps(message() | {"body": base64.b64encode(b"[" * 5000).decode()}),
        json.dumps(message(body=[["0" * 32, "3"], {}, {}])),
        json.dumps(message(body=[["0" * 32, True], {}, {}])),
        json.dumps(message(body=[["0" * 32, 3], {"x": 1}, {}])),
        json.dumps(message(body={"task": ["x"]})),
        json.dumps(message(properties=None)),
        json.dumps([message(), "", ""]),
        json.dumps(message(headers="task")),
        json.dumps(message(headers={})),
        json.dumps(message(headers={"task": "jobset.submit_chunk"})),
        json.dumps(message(headers={"task": ["x"], "id": "7"})),
        json.dumps(message(headers={"task": "os.system", "id": "7"})),
        json.dumps(message(headers={"task": "jobset.submit_chunk", "id": "7" * 10_000})),
    ],
)
def test_a_malformed_message_becomes_a_task_that_keeps_it(text: str) -> None:
    replacement = broker.readable(broker.load_document(text))
    assert replacement["headers"]["task"] == broker.SET_ASIDE_TASK
    kept, reason = content(replacement)[2]
    assert kept[:3] == text[:3]
    assert reason
    # The replacement itself can be read.
    assert content(broker.readable(replacement)) == content(replacement)


def test_a_message_can_be_put_back_into_its_queue() -> None:
    broker.install()
    taken: list[dict[str, Any]] = []
    transport = SimpleNamespace(_callbacks={"jobset.aer.collect": taken.append})
    redis_transport.Transport._deliver(transport, message(), "jobset.aer.collect")
    assert taken[0]["properties"]["delivery_info"] == {
        "exchange": "",
        "routing_key": "jobset.aer.collect",
    }


def test_a_lost_client_means_connect_again() -> None:
    broker.install()
    broker.install()
    errors = redis_transport.Transport.connection_errors
    assert errors.count(AttributeError) == 1
    assert redis_transport.loads is broker.load_document


def test_a_refused_pop_is_asked_again_later_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker.install()
    errors = redis_transport.redis.exceptions
    asked: list[str] = []
    answers = iter([errors.ResponseError("MISCONF no space left"), errors.ResponseError("ERR odd")])

    def refuse(_: Any, **__: Any) -> None:
        raise next(answers)

    monkeypatch.setattr(broker, "_read_popped", refuse)
    monkeypatch.setattr(broker, "_start_to_pop", lambda *_: asked.append("pop"))
    channel = SimpleNamespace()
    # When a message is refused, then nothing is asked for a while
    with pytest.raises(Empty):
        redis_transport.Channel._brpop_read(channel)
    redis_transport.Channel._brpop_start(channel)
    assert asked == []
    channel.refused_until = 0.0
    redis_transport.Channel._brpop_start(channel)
    assert asked == ["pop"]
    # And what does not pass by itself means "connect again"
    with pytest.raises(redis_transport.Transport.connection_errors, match="odd"):
        redis_transport.Channel._brpop_read(channel)
