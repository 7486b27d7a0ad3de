"""One deadline for a whole call, however many steps the call takes."""

import math
import time
from dataclasses import dataclass

from jobset_protocol.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock; infinity is never.

    Args:
        at: The moment, as ``time.monotonic`` counts.
        timeout_seconds: What was asked for; ``None`` for no limit.
    """

    at: float
    timeout_seconds: float | None

    @classmethod
    def after(cls, timeout: float | None) -> "Deadline":
        """Start the clock.

        Args:
            timeout: Seconds; 0 asks for what is there now; ``None`` waits for ever.

        Raises:
            ConfigurationError: The time-out is negative or not a number.
        """
        if timeout is None:
            return cls(math.inf, None)
        try:
            seconds = float(timeout)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"a timeout is a number of seconds, not {timeout!r}"
            ) from error
        if isinstance(timeout, bool) or not seconds >= 0:
            raise ConfigurationError(f"a timeout is 0 or more seconds, or None, not {timeout!r}")
        return cls(time.monotonic() + seconds, seconds)

    @property
    def remaining_seconds(self) -> float:
        """Seconds left, never negative; infinite without a limit."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at
