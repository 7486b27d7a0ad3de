"""One process that is kept alive."""

import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jobset_client.supervision.commands import ProcessSpec
from jobset_client.supervision.identity import ProcessIdentity, kill_group
from jobset_client.supervision.records import ProcessRecord

LONGEST_RESTART_DELAY_SECONDS = 10.0
STEADY_SECONDS = 5.0
"""A process that lived so long has recovered: its next restart is the first again."""
_PR_SET_PDEATHSIG = 1


def restart_delay_seconds(failures: int) -> float:
    """Return how long to wait before a start after so many failures in a row.

    >>> [restart_delay_seconds(failures) for failures in (1, 2, 3, 4, 5, 6, 99)]
    [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    """
    if failures < 2:
        return 0.0
    # The exponent is capped first: 2.0 ** 2000 overflows.
    return min(LONGEST_RESTART_DELAY_SECONDS, 0.5 * 2.0 ** min(failures - 2, 10))


class Child:
    """A process, its restarts, and its end.

    Each leads a session of its own: Ctrl-C in the user's terminal does not reach it, and its
    group can be ended as a whole.

    Args:
        spec: What to run.
        log: Where its output is appended.
        directory: Its working directory.
    """

    def __init__(self, spec: ProcessSpec, *, log: Path, directory: Path) -> None:
        self.spec = spec
        self.restarts = -1
        self._log = log
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = ProcessIdentity(0, "")
        self._started_at = 0.0
        self._failures = 0
        self._due = 0.0

    @property
    def record(self) -> ProcessRecord:
        """What the ledger says of it."""
        return ProcessRecord(self.spec.name, self._identity, self._started_at, self.restarts)

    @property
    def is_running(self) -> bool:
        """Whether the process runs, as far as it was looked at."""
        return self._process is not None

    def start(self) -> None:
        """Start the process; one that cannot be started counts as one that died at once."""
        self.restarts += 1
        self._started_at = time.time()
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 -- the command is ours
                    self.spec.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._directory,
                    env=self.spec.environment,
                    start_new_session=True,
                    # Safe here: a supervisor has one thread.
                    preexec_fn=functools.partial(_die_with, os.getpid()),  # noqa: PLW1509
                )
        except (OSError, subprocess.SubprocessError):
            self._schedule_restart()
        else:
            self._identity = ProcessIdentity.of(self._process.pid)

    def reap(self) -> int | None:
        """Notice that the process has ended, and end what it left; return its exit code."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            kill_group(self._process.pid)
            self._process = None
            self._schedule_restart()
        return code

    def seconds_until_start(self) -> float | None:
        """Return how long to wait before :meth:`start`; ``None`` while the process runs."""
        return None if self.is_running else max(0.0, self._due - time.monotonic())

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and its group at once, and wait for that."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.wait()
            self._process = None

    def _schedule_restart(self) -> None:
        steady = time.time() - self._started_at >= STEADY_SECONDS
        self._failures = 1 if steady else self._failures + 1
        self._due = time.monotonic() + restart_delay_seconds(self._failures)


def _die_with(supervisor_pid: int) -> None:
    """Have the kernel stop this process when the supervisor is killed; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The supervisor may have died before the call above.
        if os.getppid() != supervisor_pid:
            os._exit(1)
