"""Results as rows: for pandas, Parquet and CSV."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet, result_rows
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.store import Store
from tests.unit.client.support import ALIAS, FakeWorker, circuits


@pytest.fixture
def job_set(manager: JobManager, store: Store) -> ManagedJobSet:
    job_set = manager.run(circuits(6), ALIAS, max_experiments_per_job=2)
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.fail(1, "too hot")
    worker.run(2, failed=[1])
    return job_set


def test_a_row_is_one_outcome_of_one_circuit(job_set: ManagedJobSet) -> None:
    rows = list(job_set.results().to_rows())
    assert rows[1] == {
        "circuit": 1,
        "name": "c1",
        "chunk": 0,
        "job_id": f"{job_set.job_set_id()}-0",
        "outcome": "0000001",
        "count": 10,
        "shots": 10,
        "success": True,
        "error": None,
    }
    assert [row["circuit"] for row in rows] == list(range(6))
    assert [row["success"] for row in rows] == [True, True, False, False, True, False]
    assert "too hot" in rows[2]["error"]
    assert (rows[5]["outcome"], rows[5]["count"]) == (None, None)


def test_pandas(job_set: ManagedJobSet) -> None:
    frame = job_set.results().to_pandas()
    assert list(frame.columns) == list(result_rows.COLUMNS)
    assert frame["count"].sum() == 30
    assert frame[frame.success].outcome.tolist() == ["0000000", "0000001", "0000100"]


def test_parquet_is_written_group_by_group(
    job_set: ManagedJobSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    monkeypatch.setattr(result_rows, "_ROWS_PER_GROUP", 4)
    job_set.results().to_parquet(tmp_path / "rows.parquet")
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table.to_pylist() == list(job_set.results().to_rows())
    assert parquet.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 2
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_without_the_extra_it_is_named(
    job_set: ManagedJobSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    there = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return there(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    results = job_set.results()
    writers: dict[str, Callable[[], object]] = {
        "pandas": results.to_pandas,
        "pyarrow": lambda: results.to_parquet(tmp_path / "rows.parquet"),
    }
    with pytest.raises(ConfigurationError, match=r"pip install 'jobset\[pandas\]'"):
        writers[package]()
