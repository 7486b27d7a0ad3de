"""A live progress bar over a set, for terminals."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from jobset_protocol.statuses import FINAL, ChunkStatus


class RateColumn(ProgressColumn):
    """Circuits a second, over the last while.

    Args:
        chunk_size: Circuits in a chunk.
    """

    def __init__(self, chunk_size: int) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._chunk_size = chunk_size

    def render(self, task: Task) -> Text:
        """Return the rate; empty before anything has ended."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed * self._chunk_size:,.0f} circuits/s", style="progress.data.speed")


def status_text(counts: Mapping[ChunkStatus, int]) -> str:
    """Return how many chunks are where, in the order of a chunk's life.

    >>> status_text({ChunkStatus.DONE: 3, ChunkStatus.QUEUED: 1})
    '1 queued · 3 done'
    """
    return " · ".join(f"{counts[status]} {status}" for status in ChunkStatus if counts.get(status))


def show_progress(
    name: str,
    chunk_size: int,
    updates: Iterable[Mapping[ChunkStatus, int]],
    *,
    console: Console | None = None,
) -> None:
    """Draw a bar that follows ``updates`` to their end.

    In a terminal the bar is redrawn in place; elsewhere it is printed once, at the end.

    Args:
        name: What to call the set.
        chunk_size: Circuits in a chunk.
        updates: Counts by status, now and whenever they changed.
        console: Where to draw; the process's output by default.
    """
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[statuses]}", markup=False, table_column=Column(no_wrap=True)),
        RateColumn(chunk_size),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None, statuses="")
        for counts in updates:
            ended = sum(count for status, count in counts.items() if status in FINAL)
            bar.update(
                task,
                completed=ended,
                total=sum(counts.values()),
                statuses=status_text(counts),
            )
