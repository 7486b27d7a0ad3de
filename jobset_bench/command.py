"""``jobset bench``."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.progress import TimeElapsedColumn as ElapsedColumn

from jobset_bench.interruption import Interruption
from jobset_bench.options import BenchOptions
from jobset_bench.row import Row
from jobset_bench.runner import run_bench
from jobset_bench.table import rows_table, verdicts_table
from jobset_bench.thresholds import judge
from jobset_bench.workloads import WorkloadName


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, once: to see that it works.")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    help="How often each system runs; the table shows medians.  [default: 3; 1 with --quick]",
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([name.value for name in WorkloadName]),
    help="Only this one; may be given more than once.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the rows to FILE, too.",
)
def bench(
    quick: bool, repeat: int | None, workloads: tuple[str, ...], json_path: Path | None
) -> None:
    """Compare with plain Celery, Dask and one direct Aer call.

    Every system gets the same circuits in the same chunks and two worker processes.  Takes
    about five minutes; --quick about half a minute.  The exit code is 1 when Jobset does not
    keep one of its promises; --quick does not judge.
    """
    options = BenchOptions(
        quick=quick,
        repeat=repeat or (1 if quick else 3),
        workloads=tuple(WorkloadName(name) for name in workloads) or tuple(WorkloadName),
    )
    if json_path is not None:
        _require_writable(json_path)
    interruption = Interruption()
    try:
        with _progress() as progress:
            rows = run_bench(options, ProgressReporter(progress, interruption))
    except KeyboardInterrupt:
        interruption.leave()
    if json_path is not None:
        _write(json_path, rows)
    console = Console()
    console.print(rows_table(rows))
    if quick:
        console.print("Quick sizes: too small to judge by.", style="dim")
    else:
        verdicts = judge(rows)
        console.print(verdicts_table(verdicts))
        if not all(verdict.passed for verdict in verdicts):
            click.get_current_context().exit(1)


class ProgressReporter:
    """Shows a bar, and above it a line for every measurement.

    Args:
        progress: Where to.
        interruption: Asked at every step whether to go on.
    """

    def __init__(self, progress: Progress, interruption: Interruption) -> None:
        self._progress = progress
        self._interruption = interruption
        self._steps = 0
        self._task = progress.add_task("", total=None)

    def expect(self, steps: int) -> None:
        """See :meth:`Reporter.expect`."""
        self._steps += steps
        self._progress.update(self._task, total=self._steps)

    def begin(self, description: str) -> None:
        """See :meth:`Reporter.begin`."""
        self._interruption.check()
        self._progress.update(self._task, description=description)

    def measured(self, description: str) -> None:
        """See :meth:`Reporter.measured`."""
        self._progress.console.print(description, highlight=False)
        self._progress.advance(self._task)

    def note(self, message: str) -> None:
        """See :meth:`Reporter.note`."""
        self._progress.console.print(message, style="yellow", highlight=False, markup=False)


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        ElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _require_writable(path: Path) -> None:
    """Fail before minutes of measuring rather than after; the file stays as it is."""
    if path.exists() and not path.is_file():
        return
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise click.FileError(str(path), hint=str(error.strerror)) from error


def _write(path: Path, rows: Sequence[Row]) -> None:
    """Replace the file at ``path``, whole or not at all; a pipe or device is written to."""
    text = json.dumps([row.to_dict() for row in rows], indent=2)
    special = path.exists() and not path.is_file()
    # A link stays one.
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if special:
            path.write_text(text + "\n", encoding="utf-8")
            return
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise click.FileError(str(path), hint=str(error.strerror)) from error
