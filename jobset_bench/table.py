"""Rows and verdicts as tables for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from jobset_bench.row import REFERENCE, Row
from jobset_bench.thresholds import Measure, Verdict


def rows_table(rows: Sequence[Row]) -> Table:
    """Return one line a row, grouped by workload."""
    table = _table("Jobset, and the same work done otherwise")
    for heading in ("workload", "system"):
        table.add_column(heading)
    table.add_column("processes\n× threads", no_wrap=True)
    for heading in ("chunks", "seconds", "chunks/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("time ÷\njobset's", justify="right", no_wrap=True)
    previous = None
    for row in rows:
        if previous not in (None, row.workload):
            table.add_section()
        table.add_row(
            row.workload.value if row.workload != previous else "",
            Text(row.system, style="bold" if row.system == REFERENCE else ""),
            row.setting,
            f"{row.chunks:,}",
            seconds_text(row.seconds),
            f"{row.chunks_per_second:,.0f}",
            "–" if row.ratio is None else f"{row.ratio:.2f}",
        )
        previous = row.workload
    return table


def verdicts_table(verdicts: Sequence[Verdict]) -> Table:
    """Return one line a threshold, with what was measured."""
    table = _table("What Jobset promises")
    for heading in ("workload", "promise"):
        table.add_column(heading)
    table.add_column("measured", justify="right")
    table.add_column("")
    for verdict in verdicts:
        table.add_row(
            verdict.threshold.workload.value,
            str(verdict.threshold),
            _value_text(verdict),
            Text("✓ pass", style="green") if verdict.passed else Text("✗ FAIL", style="bold red"),
        )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def seconds_text(seconds: float) -> str:
    """Return seconds with three significant places or so.

    >>> seconds_text(12.345), seconds_text(0.00213)
    ('12.35', '0.0021')
    """
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.4f}"


def _value_text(verdict: Verdict) -> str:
    if verdict.threshold.measure is Measure.SPEEDUP:
        return f"{verdict.value:.2f} ×"
    if verdict.threshold.measure is Measure.WALL:
        return f"{verdict.value:.2f}"
    return f"{verdict.value:.1f} ms"
