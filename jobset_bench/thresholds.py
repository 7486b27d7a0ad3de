"""How fast Jobset has to be, and whether it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobset_bench.row import REFERENCE, Row
from jobset_bench.workloads import WorkloadName


class Measure(StrEnum):
    """What a threshold bounds."""

    SPEEDUP = "speedup"
    """At least so many times as fast as the other system."""
    WALL = "wall"
    """At most this share of the other system's wall time."""
    MILLISECONDS = "milliseconds"
    """Less than this, whatever other systems do."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One bound on Jobset's time for a workload, against ``system`` where one is named."""

    workload: WorkloadName
    measure: Measure
    limit: float
    system: str = REFERENCE

    def value(self, row: Row) -> float | None:
        """Return what the threshold bounds, from the row of its system.

        >>> row = Row(WorkloadName.AER, "dask", "", 10, seconds=5.0, ratio=1.25)
        >>> Threshold(WorkloadName.AER, Measure.WALL, 0.9, "dask").value(row)
        0.8
        """
        if self.measure is Measure.MILLISECONDS:
            return row.seconds * 1_000
        if row.ratio is None:
            return None
        return row.ratio if self.measure is Measure.SPEEDUP else 1 / row.ratio

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the bound.

        >>> Threshold(WorkloadName.STATUSES, Measure.MILLISECONDS, 50.0).holds(50.0)
        False
        """
        if self.measure is Measure.SPEEDUP:
            return value >= self.limit
        if self.measure is Measure.WALL:
            return value <= self.limit
        return value < self.limit

    def __str__(self) -> str:
        if self.measure is Measure.SPEEDUP:
            return f"at least {self.limit:g} × as fast as {self.system}"
        if self.measure is Measure.WALL:
            return f"at most {self.limit:g} of the time of {self.system}"
        return f"under {self.limit:g} ms"


THRESHOLDS = (
    Threshold(WorkloadName.INSTANT, Measure.SPEEDUP, 3.0, "celery"),
    Threshold(WorkloadName.INSTANT, Measure.SPEEDUP, 1.5, "dask"),
    Threshold(WorkloadName.AER, Measure.WALL, 0.75, "direct"),
    Threshold(WorkloadName.AER, Measure.WALL, 0.9, "dask"),
    Threshold(WorkloadName.ENQUEUE, Measure.SPEEDUP, 4.0, "celery"),
    Threshold(WorkloadName.STATUSES, Measure.MILLISECONDS, 50.0),
)
"""What Jobset promises at full size, on two worker processes.

``celery`` is a script as one writes it, with ``group`` and ``join_native()``, but with one OpenMP
thread a process, as Jobset has.
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A threshold, what was measured, and whether it holds."""

    threshold: Threshold
    value: float
    passed: bool


def judge(rows: Sequence[Row]) -> list[Verdict]:
    """Judge every threshold whose system and workload were measured."""
    measured = {(row.workload, row.system): row for row in rows}
    verdicts = []
    for threshold in THRESHOLDS:
        row = measured.get((threshold.workload, threshold.system))
        value = threshold.value(row) if row else None
        if value is not None:
            verdicts.append(Verdict(threshold, value, threshold.holds(value)))
    return verdicts
