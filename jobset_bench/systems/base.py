"""What every compared system can do: run circuits to counts, or send chunks and list statuses."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from jobset_bench.workloads import Counts, Workload

WORKERS = 2
"""Worker processes of every system that has workers."""

WAIT_SECONDS = 600.0
"""Longest wait for one measurement before the system counts as stuck."""


class System(ABC):
    """A context manager that starts processes, and stops them whatever happens."""

    name: str
    """How the system is called in the table."""
    setting: str
    """Processes × OpenMP threads in each, or ``client`` when there is no worker."""

    def __init__(self) -> None:
        self._started = ExitStack()

    @abstractmethod
    def start(self, stack: ExitStack) -> None:
        """Start what the system needs, and put on the stack what stops it."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.start(stack)
            self._started = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._started.close()


class RunningSystem(System):
    """Turns circuits into counts."""

    @abstractmethod
    def run(self, workload: Workload) -> Sequence[Counts]:
        """Return the counts of every circuit, in order."""


class SendingSystem(System):
    """Sends chunks that nobody consumes."""

    @abstractmethod
    def send(self, workload: Workload) -> None:
        """Encode every chunk and send it; returns when the server has them all."""

    @abstractmethod
    def statuses(self) -> Sequence[object]:
        """Return the status of every chunk sent last."""
