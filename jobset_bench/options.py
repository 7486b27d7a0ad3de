"""What a user of the benchmark chooses."""

from dataclasses import dataclass

from jobset_bench.workloads import FULL, QUICK, Sizes, WorkloadName
from jobset_protocol.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What to measure, how large and how often.

    Args:
        quick: Small sizes; the figures then say little.
        repeat: How often every system runs every workload, at least 1.
        workloads: Which ones.

    Raises:
        ConfigurationError: ``repeat`` is below 1, or no workload is named.
    """

    quick: bool = False
    repeat: int = 3
    workloads: tuple[WorkloadName, ...] = tuple(WorkloadName)

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise ConfigurationError(f"repeat must be at least 1, not {self.repeat}")
        if not self.workloads:
            raise ConfigurationError(f"name a workload: {', '.join(WorkloadName)}")

    @property
    def sizes(self) -> Sizes:
        """How large the workloads are."""
        return QUICK if self.quick else FULL
