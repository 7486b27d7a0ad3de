"""A provider that fails is asked again later each time, and never before it wished."""

import pytest

from jobset_protocol.errors import ProviderError
from worker.provider_pause import ProviderPause


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pause(clock: Clock) -> ProviderPause:
    return ProviderPause(least_seconds=2.0, most_seconds=60.0, clock=clock)


def test_nothing_is_held_back_before_the_first_failure(pause: ProviderPause) -> None:
    assert pause.seconds_left == 0


def test_it_grows_with_each_failure_up_to_the_most(pause: ProviderPause) -> None:
    waits = [pause.begin(OSError("down")) for _ in range(8)]

    for wait, about in zip(waits, (2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert wait == pytest.approx(about, rel=0.1)


def test_it_is_spread(pause: ProviderPause) -> None:
    waits = []
    for _ in range(20):
        waits.append(pause.begin(OSError("down")))
        pause.end()

    assert len(set(waits)) > 1


def test_it_passes(pause: ProviderPause, clock: Clock) -> None:
    wait = pause.begin(OSError("down"))
    assert pause.seconds_left == pytest.approx(wait)

    clock.now += wait + 0.001

    assert pause.seconds_left == 0


def test_an_answer_ends_it_and_starts_the_back_off_anew(pause: ProviderPause) -> None:
    for _ in range(5):
        pause.begin(OSError("down"))
    pause.end()

    assert pause.seconds_left == 0
    assert pause.begin(OSError("down")) <= 2.2


@pytest.mark.parametrize("wish_seconds", [30.0, 600.0])
def test_a_wish_is_the_least_and_is_spread_beyond_itself(
    pause: ProviderPause, wish_seconds: float
) -> None:
    waits = {pause.begin(ProviderError("busy", retry_after_seconds=wish_seconds)) for _ in range(4)}

    assert all(wish_seconds <= wait <= wish_seconds * 1.1 for wait in waits)
    assert len(waits) > 1


def test_a_short_wish_does_not_shorten_the_back_off(pause: ProviderPause) -> None:
    assert pause.begin(ProviderError("busy", retry_after_seconds=0.0)) >= 1.8
