import pytest

from jobset_bench.row import Row
from jobset_bench.thresholds import THRESHOLDS, Measure, Threshold, judge
from jobset_bench.workloads import WorkloadName


def row(workload: WorkloadName, system: str, seconds: float, ratio: float | None) -> Row:
    return Row(workload, system, "", chunks=200, seconds=seconds, ratio=ratio)


def test_the_promises_are_those_of_the_project() -> None:
    assert [(t.workload, t.measure, t.limit, t.system) for t in THRESHOLDS] == [
        ("instant", "speedup", 3.0, "celery"),
        ("instant", "speedup", 1.5, "dask"),
        ("aer", "wall", 0.75, "direct"),
        ("aer", "wall", 0.9, "dask"),
        ("enqueue", "speedup", 4.0, "celery"),
        ("statuses", "milliseconds", 50.0, "jobset"),
    ]


@pytest.mark.parametrize(
    ("measure", "limit", "value", "holds"),
    [
        (Measure.SPEEDUP, 3.0, 3.0, True),
        (Measure.SPEEDUP, 3.0, 2.99, False),
        (Measure.WALL, 0.75, 0.75, True),
        (Measure.WALL, 0.75, 0.76, False),
        (Measure.MILLISECONDS, 50.0, 49.9, True),
        (Measure.MILLISECONDS, 50.0, 50.0, False),
    ],
)
def test_a_bound_at_its_limit(measure: Measure, limit: float, value: float, holds: bool) -> None:
    assert Threshold(WorkloadName.AER, measure, limit, "dask").holds(value) is holds


def test_a_speedup_is_the_other_systems_time_over_ours() -> None:
    (verdict,) = judge([row(WorkloadName.INSTANT, "celery", seconds=1.5, ratio=3.5)])

    assert (verdict.value, verdict.passed) == (3.5, True)


def test_a_share_of_wall_time_is_the_inverse() -> None:
    (verdict,) = judge([row(WorkloadName.AER, "direct", seconds=5.0, ratio=1.25)])

    assert (verdict.value, verdict.passed) == (0.8, False)


def test_statuses_are_judged_by_their_own_time() -> None:
    (verdict,) = judge([row(WorkloadName.STATUSES, "jobset", seconds=0.004, ratio=1.0)])

    assert (verdict.value, verdict.passed) == (4.0, True)


def test_what_was_not_measured_is_not_judged() -> None:
    # Given Dask's row without Jobset's, and a system that no promise names
    rows = [
        row(WorkloadName.AER, "dask", seconds=5.0, ratio=None),
        row(WorkloadName.AER, "celery (default threads)", seconds=13.0, ratio=3.0),
    ]

    assert judge(rows) == []
