import pytest

from jobset_bench.row import Row, summarise
from jobset_bench.workloads import WorkloadName

SETTINGS = {"jobset": "2 × 1", "celery": "2 × 1"}


def test_a_row_is_written_with_five_columns() -> None:
    row = Row(WorkloadName.INSTANT, "dask", "2 × 1", chunks=200, seconds=0.5, ratio=2.0)

    assert row.to_dict() == {
        "workload": "instant",
        "system": "dask",
        "chunks": 200,
        "seconds": 0.5,
        "chunks_per_second": 400.0,
    }


def test_seconds_are_the_median_of_the_repeats() -> None:
    rows = summarise(WorkloadName.AER, 10, {"jobset": [1.0, 9.0, 2.0]}, SETTINGS)

    assert [row.seconds for row in rows] == [2.0]


def test_a_ratio_pairs_the_times_of_one_repeat() -> None:
    # Given a machine that became four times slower in the second repeat
    times = {"jobset": [1.0, 4.0, 1.0], "celery": [3.0, 12.0, 4.0]}

    _, celery = summarise(WorkloadName.AER, 10, times, SETTINGS)

    # Then the ratio is that of the repeats, not 4 / 1 of the medians
    assert celery.ratio == pytest.approx(3.0)


def test_without_jobset_there_is_no_ratio() -> None:
    (row,) = summarise(WorkloadName.AER, 10, {"celery": [3.0]}, SETTINGS)

    assert row.ratio is None


def test_rows_keep_the_order_and_the_setting_of_their_systems() -> None:
    rows = summarise(WorkloadName.AER, 10, {"jobset": [1.0], "celery": [2.0]}, SETTINGS)

    assert [(row.system, row.setting) for row in rows] == list(SETTINGS.items())
