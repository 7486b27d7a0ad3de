"""Which process a number stands for: the number, and when that process started.

A process number is used again after its process ended.  Nothing is signalled by its number
alone: a file that outlived a crash may name a number that is a stranger's by now.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ENDED_STATES = ("Z", "X")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, told apart from every other that bore or will bear its number.

    Args:
        pid: The process's number.
        started: When it started, in the system's own words; empty when the system did not
            say, and then the process counts as gone and is never signalled.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Return the identity of the process that bears ``pid`` now."""
        return cls(pid, start_of(pid))

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; one that ended but was not waited for does not."""
        return self.started != "" and start_of(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def kill_group(self) -> None:
        """End the process and the group that it leads, at once; nothing if it is gone."""
        if self.is_alive:
            kill_group(self.pid)


def kill_group(group_id: int) -> None:
    """End every process of a group, at once."""
    try:
        os.killpg(group_id, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS refuses groups of ended processes
        return


def start_of(pid: int) -> str:
    """Say when a process started; empty when it has ended or the system does not tell."""
    if sys.platform == "linux":
        return _start_from_proc(pid)
    return _start_from_ps(pid)


def _start_from_proc(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    # The name stands in brackets and may hold spaces and brackets itself.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in _ENDED_STATES else f"{boot}:{fields[18]}"


def _start_from_ps(pid: int) -> str:
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        answer = subprocess.run(  # noqa: S603 -- a fixed command and a number
            command,
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C", "TZ": "UTC0"},
        ).stdout
    except OSError:
        return ""
    state, _, start = answer.strip().partition(" ")
    return "" if state.startswith(_ENDED_STATES) else start.strip()
