"""Every system must end with the same thing in hand, or its time means nothing."""

from collections.abc import Sequence

from jobset_bench.workloads import Counts, Workload, WorkloadName
from jobset_protocol.errors import JobSetError


def require_complete(workload: Workload, system: str, counts: Sequence[Counts]) -> None:
    """Check that every circuit has counts of all its shots.

    Raises:
        JobSetError: One has not.
    """
    if len(counts) != len(workload.circuits):
        raise JobSetError(
            f"{system} returned {len(counts)} counts for {len(workload.circuits)} circuits of "
            f"the {workload.name.value} workload: its time cannot be compared"
        )
    for index, own in enumerate(counts):
        if sum(own.values()) != workload.shots:
            raise JobSetError(
                f"{system} returned {sum(own.values())} of {workload.shots} shots for circuit "
                f"{index} of the {workload.name.value} workload: its time cannot be compared"
            )


def require_equal(
    workload: Workload, system: str, counts: Sequence[Counts], expected: Sequence[Counts]
) -> None:
    """Check that a seeded workload gave what it gave another system.

    Raises:
        JobSetError: A circuit's counts differ.
    """
    if workload.name is not WorkloadName.AER:
        return
    for index, (own, other) in enumerate(zip(counts, expected, strict=True)):
        if own != other:
            raise JobSetError(
                f"{system} returned other counts than the systems before it for circuit {index} "
                f"of the {workload.name.value} workload, though the seeds are the same"
            )
