import re

from rich.console import Console, RenderableType

from jobset_bench.row import Row
from jobset_bench.table import rows_table, verdicts_table
from jobset_bench.thresholds import judge
from jobset_bench.workloads import WorkloadName

ROWS = [
    Row(WorkloadName.INSTANT, "jobset", "2 × 1", 200, 0.5, 1.0),
    Row(WorkloadName.INSTANT, "celery", "2 × 1", 200, 2.0, 4.0),
    Row(WorkloadName.INSTANT, "dask", "2 × 1", 200, 0.6, 1.2),
    Row(WorkloadName.STATUSES, "jobset", "client", 10_000, 0.0042, None),
]


def lines_of(renderable: RenderableType, *, width: int = 140) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get().splitlines()


def line_with(renderable: RenderableType, *words: str) -> str:
    (line,) = [line for line in lines_of(renderable) if all(word in line for word in words)]
    return line


def test_a_line_holds_chunks_seconds_throughput_and_ratio() -> None:
    cells = re.split(r"\s{2,}", line_with(rows_table(ROWS), "celery").strip())

    assert cells == ["celery", "2 × 1", "200", "2.00", "100", "4.00"]


def test_a_narrow_terminal_cuts_no_figure_off() -> None:
    lines = "\n".join(lines_of(rows_table(ROWS), width=80))

    assert "…" not in lines
    assert all(figure in lines for figure in ("10,000", "0.0042", "2,380,952"))


def test_a_workload_is_named_once() -> None:
    assert sum("instant" in line for line in lines_of(rows_table(ROWS))) == 1


def test_small_times_are_not_rounded_away_and_a_missing_ratio_is_a_dash() -> None:
    line = line_with(rows_table(ROWS), "statuses")

    assert "0.0042" in line
    assert "–" in line


def test_verdicts_say_what_was_measured_and_whether_it_is_enough() -> None:
    table = verdicts_table(judge(ROWS))

    assert "4.00 ×" in line_with(table, "at least 3 × as fast as celery", "pass")
    assert "1.20 ×" in line_with(table, "at least 1.5 × as fast as dask", "FAIL")
    assert "4.2 ms" in line_with(table, "under 50 ms", "pass")
