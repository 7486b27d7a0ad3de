"""A timer in the kernel that ends this process, whatever the process is doing.

A worker that was stopped (SIGSTOP, a paused container) just before it calls a provider would, when
it wakes, submit a chunk that others have taken over meanwhile: a fence refuses its writes,
not its request.  The kernel's interval timer runs on while a process is stopped, and its signal,
left at its default, ends the process before it runs one more instruction
(``setitimer(2)``, ``signal(7)``).

Two things are not stopped by this: a request that is on the wire already, and a process whose whole
machine was suspended, since the timer stands still with it.  The look-up of the tag finds both.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobset_protocol.errors import StaleFenceError


class DeadMan:
    """Ends this process at a moment that may be put off, unless it is called off.

    It works where a process does one thing at a time: in the main thread, which is where Celery's
    prefork and solo pools run tasks, and only while nobody else has a use for SIGALRM.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_armed = False

    @contextmanager
    def armed(self, until: float) -> Iterator[None]:
        """End this process at ``until`` (``time.monotonic()``) if the block still runs then.

        Raises:
            StaleFenceError: It is too late already.
        """
        if not _is_possible():
            yield
            return
        with self._lock:
            self._set(until)
            self._is_armed = True
        try:
            yield
        finally:
            with self._lock:
                self._is_armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)

    def put_off(self, until: float) -> None:
        """Put the end off; from any thread, and nothing happens when none is set."""
        with self._lock:
            if self._is_armed:
                self._set(until)

    @staticmethod
    def _set(until: float) -> None:
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise StaleFenceError("the lease ended before the provider was called")
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _is_possible() -> bool:
    return (
        threading.current_thread() is threading.main_thread()
        and hasattr(signal, "setitimer")
        and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    )
