"""Stop the benchmark on Ctrl-C or SIGTERM, its processes first."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


class Interruption:
    """Turns the first SIGINT or SIGTERM into a ``KeyboardInterrupt``, and ignores later ones.

    Later ones would break off the stopping of processes, which takes a few seconds.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def check(self) -> None:
        """Raise again what was raised before.

        Python drops an exception that a signal raises within a destructor, and Celery's results
        have long ones.

        Raises:
            KeyboardInterrupt: A signal came.
        """
        if self._number is not None:
            raise KeyboardInterrupt

    def leave(self) -> NoReturn:
        """End this process at once, when all others have been stopped.

        Without destructors: those of Celery's results would look for the stopped server, for
        twenty seconds each.
        """
        sys.stdout.flush()
        print("Interrupted; the benchmark's processes are stopped.", file=sys.stderr, flush=True)
        os._exit(128 + (self._number or signal.SIGINT))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._number is None:
            self._number = number
            raise KeyboardInterrupt
