"""One line of the benchmark: a system on a workload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from jobset_bench.workloads import WorkloadName

REFERENCE = "jobset"
"""The system that all ratios refer to."""


@dataclass(frozen=True, slots=True)
class Row:
    """A system on a workload.

    Args:
        workload: What was measured.
        system: Which system.
        setting: Processes × OpenMP threads in each.
        chunks: Chunks that the workload was cut into.
        seconds: Median over the repeats.
        ratio: How many times Jobset's seconds it took: the median of the repeats' ratios.
            ``None`` when Jobset was not measured.
    """

    workload: WorkloadName
    system: str
    setting: str
    chunks: int
    seconds: float
    ratio: float | None = None

    @property
    def chunks_per_second(self) -> float:
        """Return the throughput."""
        return self.chunks / self.seconds

    def to_dict(self) -> dict[str, str | int | float]:
        """Return the row as ``--json`` writes it."""
        return {
            "workload": self.workload.value,
            "system": self.system,
            "chunks": self.chunks,
            "seconds": self.seconds,
            "chunks_per_second": self.chunks_per_second,
        }


def summarise(
    workload: WorkloadName,
    chunks: int,
    seconds: Mapping[str, Sequence[float]],
    settings: Mapping[str, str],
) -> list[Row]:
    """Turn the repeats of every system into rows.

    Args:
        workload: What was measured.
        chunks: Chunks in it.
        seconds: System → the seconds of each repeat; all systems have equally many.
        settings: System → its processes and threads.

    >>> times = {"jobset": [1.0, 2.0, 1.0], "dask": [3.0, 4.0, 1.0]}
    >>> rows = summarise(WorkloadName.AER, 10, times, {"jobset": "", "dask": ""})
    >>> [(row.system, row.seconds, row.ratio) for row in rows]
    [('jobset', 1.0, 1.0), ('dask', 3.0, 2.0)]
    """
    reference = seconds.get(REFERENCE)
    return [
        Row(workload, system, settings[system], chunks, median(own), _ratio(own, reference))
        for system, own in seconds.items()
    ]


def _ratio(own: Sequence[float], reference: Sequence[float] | None) -> float | None:
    if reference is None:
        return None
    # Within a repeat both had the same neighbours on the machine; across repeats they had not.
    return median(mine / theirs for mine, theirs in zip(own, reference, strict=True))
