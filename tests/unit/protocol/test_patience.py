"""How long a call waits for the server, and what is said of it."""

import copy
import logging
from collections.abc import Callable

import pytest
import redis

from jobset_protocol.errors import StoreError, StoreRefusingError, StoreUnavailableError
from jobset_protocol.store.patience import Patience, RefusedError, refusal
from jobset_protocol.store.server import translated

ResponseError = redis.exceptions.ResponseError


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redis.retry.sleep", lambda _: None)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ResponseError("MISCONF Errors writing to the AOF file: No space left"), "disk"),
        (ResponseError("Command # 1 (SET a) of pipeline caused error: MISCONF Errors"), "disk"),
        (redis.exceptions.OutOfMemoryError("command not allowed", status_code="OOM"), "maxmemory"),
        (redis.exceptions.ReadOnlyError("You can't write", status_code="READONLY"), "primary"),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), "replicas"),
        (ResponseError("BUSY Valkey is busy running a script."), "script"),
        (ResponseError("UNBLOCKED force unblock from blocking operation"), "primary"),
    ],
)
def test_errors_that_pass_say_what_to_do(error: Exception, advice: str) -> None:
    refused = refusal(error)
    assert refused is not None
    assert advice in str(refused)


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("ERR unknown command 'MISCONF'"),
        redis.exceptions.NoScriptError("No matching script", status_code="NOSCRIPT"),
    ],
)
def test_other_errors_do_not_pass(error: Exception) -> None:
    assert refusal(error) is None


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = times

    def do() -> str:
        nonlocal left
        if left:
            left -= 1
            raise error
        return "done"

    return do


def test_a_refused_call_is_made_again_over_a_new_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reconnections: list[Exception] = []
    patience = Patience(60.0)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            # redis-py copies it for each connection
            own = copy.deepcopy(patience)
            do = failing(5, ResponseError("MISCONF Errors writing"))
            assert own.call_with_retry(do, reconnections.append) == "done"
    assert [type(error) for error in reconnections] == [RefusedError] * 10
    # One line at the beginning and one at the end, each time
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "waiting for the store",
        "the store is back",
    ] * 2


def test_a_long_outage_is_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr("jobset_protocol.store.patience.time.monotonic", lambda: next(clock))
    with caplog.at_level(logging.WARNING), pytest.raises(RefusedError):
        Patience(300.0).call_with_retry(
            failing(10**6, ResponseError("MISCONF Errors writing")), lambda _: None
        )
    assert len(caplog.records) == 300 / 60


def test_short_patience_ends_in_the_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(RefusedError):
        Patience(0.0).call_with_retry(
            failing(10**6, ResponseError("MISCONF Errors writing")), lambda _: None
        )
    assert not caplog.records


def test_a_refusal_reaches_users_as_an_error_of_ours() -> None:
    def refuse() -> None:
        Patience(0.0).call_with_retry(
            failing(1, ResponseError("MISCONF Errors writing")), lambda _: None
        )

    with pytest.raises(StoreRefusingError, match="free some of its disk") as caught:
        translated(refuse)()
    assert isinstance(caught.value, StoreUnavailableError)
    assert caught.value.retryable

    def fail() -> None:
        Patience(60.0).call_with_retry(failing(1, ResponseError("WRONGTYPE")), lambda _: None)

    with pytest.raises(StoreError) as other:
        translated(fail)()
    assert not other.value.retryable
