"""When a provider that failed is asked again: later each time, and never before it wished."""

import time
from collections.abc import Callable

from jobset_protocol.errors import ProviderError
from worker.polling import pause_seconds


class ProviderPause:
    """Holds questions of one kind back after failures; the first answer ends it.

    A question that fails for the whole provider would fail for each of its jobs, so all of them
    wait together.

    Args:
        least_seconds: The wait after the first failure, before jitter.
        most_seconds: The longest wait, unless the provider wished for a longer one.
        clock: Returns seconds that only go forward.
    """

    def __init__(
        self,
        *,
        least_seconds: float,
        most_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._least_seconds = least_seconds
        self._most_seconds = most_seconds
        self._clock = clock
        self._failures = 0
        self._ends_at = clock()

    @property
    def seconds_left(self) -> float:
        """How long to wait before the next question; 0 for not at all."""
        return max(0.0, self._ends_at - self._clock())

    def begin(self, error: Exception) -> float:
        """Wait after a failure; returns for how long."""
        self._failures += 1
        seconds = pause_seconds(
            self._failures,
            wish_seconds=error.retry_after_seconds if isinstance(error, ProviderError) else None,
            least_seconds=self._least_seconds,
            most_seconds=self._most_seconds,
        )
        self._ends_at = self._clock() + seconds
        return seconds

    def end(self) -> None:
        """Ask freely again: the provider answered."""
        self._failures = 0
        self._ends_at = self._clock()
