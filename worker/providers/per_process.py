"""Things that must not cross a fork: simulators with threads, HTTP connections."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A thing that each process builds for itself, once, when it first asks.

    Args:
        build: Makes it.

    >>> numbers = PerProcess(list)
    >>> numbers() is numbers()
    True
    """

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._owned: tuple[int, T] | None = None

    def __call__(self) -> T:
        """Return this process's own."""
        owned = self._owned
        pid = os.getpid()
        if owned is not None and owned[0] == pid:
            return owned[1]
        with self._lock:
            if self._owned is None or self._owned[0] != pid:
                self._owned = (pid, self._build())
            return self._owned[1]
