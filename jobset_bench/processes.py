"""Stop a process that leads a session of its own, and whatever is left of its children."""

import contextlib
import os
import signal
import subprocess

_STOP_SECONDS = 10.0


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, then end it and its children by force."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    # The children bear the group's number even when the leader is gone.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
