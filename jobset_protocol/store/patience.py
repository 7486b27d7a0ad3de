"""How long a call waits for a server that is away, or that answers and takes no writes for now.

A full disk, a memory limit or a failover pass by themselves, or by an operator's hand.  The server
refuses a script before its first write or not at all, so a refused call changed nothing and is
made again.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

_FIRST_PAUSE_SECONDS = 0.05
_MOST_PAUSE_SECONDS = 1.0
_VISIBLE_SECONDS = 10.0
"""Shorter patience ends soon, in an error that says enough."""
_REPEATED_AFTER_SECONDS = 60.0

_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "MISCONF": "its disk is full or failing: free some of its disk",
        "OOM": "its memory is full: raise its maxmemory or delete old job sets",
        "READONLY": "it is a read-only replica: connect to the primary, or wait until it is one",
        "NOREPLICAS": "too few of its replicas answer: see that they run",
        "MASTERDOWN": "it is a replica without its primary: connect to the primary",
        "CLUSTERDOWN": "its cluster is down: see `redis-cli cluster info`",
        "TRYAGAIN": "its cluster moves keys: try again",
        "UNBLOCKED": "it becomes a replica: connect to the primary",
        "LOADING": "it still loads its data: wait",
        "BUSY": "a script holds it up: see `redis-cli info commandstats`",
    }
)
"""Errors of the server that pass, and what to do."""
_CODE = re.compile(rf"\b({'|'.join(_ADVICE)})\b")

_log = logging.getLogger(__name__)


class RefusedError(redis.exceptions.ConnectionError):
    """The server answers, and does not do for now what it is asked.

    An error of the connection for redis-py, so that the call is made again, over a new connection:
    a failover gives the server's name to another one.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"the server takes no writes, since {_ADVICE[code]}")


def refusal(error: Exception) -> RefusedError | None:
    """Return what an answer means if it will pass.

    >>> print(refusal(redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file")))
    the server takes no writes, since its disk is full or failing: free some of its disk
    >>> refusal(redis.exceptions.ResponseError("WRONGTYPE Operation against a key"))
    """
    code = getattr(error, "status_code", None)
    if code not in _ADVICE:
        # Behind redis-py's own words, when it was a command of a pipeline.
        text = str(error).rpartition(" of pipeline caused error: ")[2]
        found = _CODE.match(text)
        code = found[1] if found else None
    return RefusedError(code) if code else None


class Outage:
    """Says that a server is away, or refuses, when it begins, each minute, and when it is over.

    Args:
        name: What the server is.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._said_at: float | None = None

    def __deepcopy__(self, _: Any) -> Self:
        # redis-py copies the patience for each connection: all of them have one outage.
        return self

    def goes_on(self, error: Exception) -> None:
        """Say so, unless that was done a moment ago."""
        now = time.monotonic()
        with self._lock:
            if self._said_at is not None and now - self._said_at < _REPEATED_AFTER_SECONDS:
                return
            self._said_at = now
        _log.warning("waiting for the %s: %s", self._name, error)

    def is_over(self) -> None:
        """Say so, if the beginning was said."""
        with self._lock:
            was_said, self._said_at = self._said_at is not None, None
        if was_said:
            _log.warning("the %s is back", self._name)


class Patience(Retry):
    """Retries for so long, not so often: a frozen server takes much longer to fail than a dead one.

    Args:
        seconds: After which the next failure is the last.
    """

    def __init__(self, seconds: float) -> None:
        backoff = ExponentialWithJitterBackoff(base=_FIRST_PAUSE_SECONDS, cap=_MOST_PAUSE_SECONDS)
        super().__init__(backoff, -1)
        self._seconds = seconds
        self._outage = Outage("store")

    def call_with_retry(
        self, do: Callable[[], Any], fail: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Call ``do`` until it succeeds or the time is up."""
        gives_up_at = time.monotonic() + self._seconds
        failures = 0

        def attempt() -> Any:
            try:
                return do()
            except redis.exceptions.RedisError as error:
                refused = refusal(error)
                if refused is None:
                    raise
                raise refused from error

        def fail_in_time(error: Exception, *rest: Any) -> None:
            nonlocal failures
            failures += 1
            fail(error, *rest)
            # No waiting makes a password right.
            is_final = isinstance(error, redis.exceptions.AuthenticationError)
            if is_final or time.monotonic() >= gives_up_at:
                raise error
            # The first failure may be a connection that was idle for too long.
            if failures > 1 and self._seconds >= _VISIBLE_SECONDS:
                self._outage.goes_on(error)

        result = super().call_with_retry(attempt, fail_in_time, *args, **kwargs)
        if failures > 1:
            self._outage.is_over()
        return result
