"""The real sender over kombu's in-memory transport: no sockets."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection

from jobset_client import submission
from jobset_client.submission import TaskSender
from jobset_protocol import keys
from jobset_protocol.errors import ConfigurationError, StoreUnavailableError
from jobset_protocol.messages import SUBMIT_TASK, SetRecord

SET_ID = "0" * 31 + "7"


@pytest.fixture
def job_set() -> SetRecord:
    return SetRecord(SET_ID, "ghz\nstates", "aer", "ada", circuit_count=3, chunk_size=1)


@pytest.fixture
def sender() -> Iterator[TaskSender]:
    sender = TaskSender("memory://")
    yield sender
    sender.close()


def received(queue: str) -> list[Any]:
    with Connection("memory://") as connection, connection.SimpleQueue(queue) as simple:
        messages = []
        while simple.qsize():
            message = simple.get(block=False)
            message.ack()
            messages.append(message)
        return messages


def test_a_message_is_a_celery_task_with_ids_only(sender: TaskSender, job_set: SetRecord) -> None:
    with Connection("memory://") as connection:
        connection.SimpleQueue(keys.queue("aer")).close()  # the transport drops what has no queue
    sender.send(job_set, range(1, 3))
    messages = received(keys.queue("aer"))
    assert [message.payload[0] for message in messages] == [[SET_ID, 1], [SET_ID, 2]]
    headers = messages[0].headers
    assert headers["task"] == SUBMIT_TASK
    assert headers["ignore_result"] is True
    assert headers["argsrepr"] == "('ghz\\nstates', chunk 2 of 3, 'aer')"
    assert len({message.headers["id"] for message in messages}) == 2
    assert messages[0].content_type == "application/json"


def test_a_failed_batch_is_published_again(
    sender: TaskSender, job_set: SetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def publish(connection: Connection, job_set: SetRecord, indices: range) -> None:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(submission, "_FIRST_BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(sender, "_publish", publish)
    sender.send(job_set, range(3))
    assert len(attempts) == 3


def test_a_dead_broker_is_named_without_its_password(
    job_set: SetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "_PATIENCE_SECONDS", 0.0)
    sender = TaskSender("redis+socket://:secret@/nowhere/no.sock?virtual_host=0")
    with pytest.raises(StoreUnavailableError, match=r"the broker .* does not take") as caught:
        sender.send(job_set, range(1))
    assert "secret" not in str(caught.value)
    assert "no.sock" in str(caught.value)


def test_may_be_closed_twice_and_used_again(sender: TaskSender, job_set: SetRecord) -> None:
    sender.send(job_set, range(1))
    sender.close()
    sender.close()
    sender.send(job_set, range(1))


@pytest.mark.parametrize("url", ["garbage://:secret@x", "host:6379", "redis://[bad", "valkey://x"])
def test_an_unusable_broker_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the URL of a broker") as caught:
        TaskSender(url)
    assert "secret" not in str(caught.value)
