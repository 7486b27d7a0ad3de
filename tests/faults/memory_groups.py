"""A control group whose processes share a limit of memory, which the kernel enforces by SIGKILL."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import wait_until

_ROOT = Path("/sys/fs/cgroup")
_KINDS = (
    (_ROOT / "memory", "memory.limit_in_bytes", "memory.oom_control"),
    (_ROOT, "memory.max", "memory.events"),
)
"""Of both versions: where, the file of the limit, and the one that counts kills."""


@dataclass(frozen=True)
class MemoryGroup:
    """One group.

    Args:
        path: Its directory.
        events: The file that counts kills.
    """

    path: Path
    events: Path

    @property
    def prefix(self) -> Sequence[str]:
        """A command that runs another one in this group."""
        return ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"))

    def kills(self) -> int:
        """Return how many processes were killed for want of memory."""
        found = re.search(r"^oom_kill (\d+)$", self.events.read_text(encoding="ascii"), re.M)
        return int(found[1]) if found else 0


@contextlib.contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """Make a group, and remove it; the test is skipped where that is not allowed."""
    path, events = _made(limit_bytes)
    try:
        yield MemoryGroup(path, events)
    finally:
        wait_until(lambda: _removed(path), description=f"the last process of {path} to end")


def _made(limit_bytes: int) -> tuple[Path, Path]:
    reason = "no control groups"
    for parent, limit, events in _KINDS:
        path = parent / f"jobset-test-{os.getpid()}"
        try:
            path.mkdir()
        except OSError as error:
            reason = str(error)
            continue
        try:
            (path / limit).write_text(str(limit_bytes))
        except OSError as error:
            reason = str(error)
            path.rmdir()
            continue
        return path, path / events
    pytest.skip(f"memory cannot be limited here: {reason}")


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    return True
