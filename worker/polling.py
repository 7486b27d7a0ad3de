"""How long to wait before the next attempt or the next poll: pure arithmetic."""

import random

_GROWTH = 0.1
_JITTER = 0.1
_BACKOFF_FACTOR = 2.0
_MOST_WISH_SECONDS = 86_400.0
"""A provider that wishes for longer made a mistake: all of its chunks would wait."""


def poll_interval_seconds(
    age_seconds: float,
    *,
    least_seconds: float,
    most_seconds: float,
    queue_position: int | None = None,
) -> float:
    """Return when to ask for a job again, before jitter.

    A tenth of the job's age: a job of a minute is seen to end within 6 s, one of a day within
    ``most_seconds``, and the number of polls grows with the logarithm of the age.  A job deep
    in the queue cannot end soon, so each place ahead of it adds ``least_seconds``.

    >>> poll_interval_seconds(5, least_seconds=2, most_seconds=60)
    2
    >>> poll_interval_seconds(100, least_seconds=2, most_seconds=60)
    10.0
    >>> poll_interval_seconds(0, least_seconds=2, most_seconds=60, queue_position=500)
    60
    """
    interval = max(least_seconds, _GROWTH * age_seconds)
    if queue_position:
        interval = max(interval, least_seconds * queue_position)
    return min(interval, most_seconds)


def backoff_seconds(
    tries: int, *, least_seconds: float = 0.5, most_seconds: float = 120.0
) -> float:
    """Return how long to wait after the ``tries``-th failure, before jitter.

    >>> [backoff_seconds(n) for n in (1, 2, 3, 20)]
    [0.5, 1.0, 2.0, 120.0]
    """
    return min(most_seconds, least_seconds * _BACKOFF_FACTOR ** (min(tries, 30) - 1))


def jittered(seconds: float) -> float:
    """Spread a delay by a tenth either way, so that many do not act at once."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)


def pause_seconds(
    tries: int,
    *,
    wish_seconds: float | None = None,
    least_seconds: float = 0.5,
    most_seconds: float = 120.0,
) -> float:
    """Return how long to wait after the ``tries``-th failure: a back-off, or the provider's wish.

    A wish is spread only beyond itself: nobody comes before it, and not all at once after it.

    >>> 30 <= pause_seconds(1, wish_seconds=30) <= 33
    True
    """
    backoff = backoff_seconds(tries, least_seconds=least_seconds, most_seconds=most_seconds)
    wish = min(wish_seconds or 0.0, _MOST_WISH_SECONDS) * random.uniform(1, 1 + _JITTER)
    return max(wish, jittered(backoff))
