"""The lock that one supervisor a directory holds; the kernel frees it when its process ends."""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def take(path: Path) -> int | None:
    """Lock the file and return its descriptor; ``None`` when another process holds it.

    The lock lasts until every copy of the descriptor is closed: a fork shares it, a program
    that is executed does not inherit it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
