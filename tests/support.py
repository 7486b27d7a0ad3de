"""What several test tiers share."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], *, description: str, timeout_seconds: float = 20.0) -> T:
    """Return the first true value of ``predicate``, asked again and again.

    Raises:
        AssertionError: The time is up; the message says what was waited for.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_seconds} s still waiting for {description}")
        time.sleep(0.02)
