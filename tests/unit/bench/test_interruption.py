import signal
from collections.abc import Callable
from typing import Any

import pytest

from jobset_bench.interruption import Interruption

Handler = Callable[[int, Any], None]


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[int, Handler]:
    installed: dict[int, Handler] = {}
    monkeypatch.setattr("signal.signal", installed.__setitem__)
    return installed


def test_nothing_is_raised_without_a_signal(handlers: dict[int, Handler]) -> None:
    Interruption().check()

    assert set(handlers) == {signal.SIGINT, signal.SIGTERM}


def test_a_signal_whose_exception_was_lost_is_raised_again(handlers: dict[int, Handler]) -> None:
    interruption = Interruption()

    with pytest.raises(KeyboardInterrupt):
        handlers[signal.SIGTERM](signal.SIGTERM, None)

    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_a_second_signal_does_not_break_off_the_stopping(handlers: dict[int, Handler]) -> None:
    Interruption()
    with pytest.raises(KeyboardInterrupt):
        handlers[signal.SIGINT](signal.SIGINT, None)

    handlers[signal.SIGTERM](signal.SIGTERM, None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_exit_code_names_the_signal(
    number: int, handlers: dict[int, Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr("os._exit", codes.append)
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt):
        handlers[number](number, None)

    interruption.leave()

    assert codes == [128 + number]
