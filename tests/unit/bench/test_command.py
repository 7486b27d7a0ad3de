import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobset_bench import command
from jobset_bench.options import BenchOptions
from jobset_bench.reporting import Reporter
from jobset_bench.row import Row
from jobset_bench.workloads import WorkloadName

ROW = Row(WorkloadName.STATUSES, "jobset", "client", 10_000, 0.004, 1.0)
SLOW = Row(WorkloadName.STATUSES, "jobset", "client", 10_000, 0.4, 1.0)


class FakeRun:
    """Stands in for the measuring, and remembers what was asked."""

    def __init__(self) -> None:
        self.options: BenchOptions | None = None
        self.rows = [ROW]

    def __call__(self, options: BenchOptions, reporter: Reporter) -> list[Row]:
        self.options = options
        reporter.expect(1)
        reporter.begin("statuses: jobset")
        reporter.measured("statuses: jobset: 0.0040 s")
        reporter.note("a note with [brackets]")
        return self.rows


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    fake = FakeRun()
    monkeypatch.setattr(command, "run_bench", fake)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)  # pytest keeps its own
    return fake


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command.bench, arguments, catch_exceptions=False)


def test_by_default_everything_runs_three_times_at_full_size(run: FakeRun) -> None:
    result = invoke()

    assert result.exit_code == 0
    assert run.options == BenchOptions(quick=False, repeat=3, workloads=tuple(WorkloadName))
    assert "under 50 ms" in result.stdout


def test_quick_runs_once_and_judges_nothing(run: FakeRun) -> None:
    result = invoke("--quick")

    assert run.options is not None
    assert (run.options.quick, run.options.repeat) == (True, 1)
    assert "too small to judge by" in result.stdout
    assert "under 50 ms" not in result.stdout


def test_workloads_and_repeats_can_be_chosen(run: FakeRun) -> None:
    invoke("--workload", "aer", "--workload", "enqueue", "--repeat", "5")

    assert run.options == BenchOptions(repeat=5, workloads=(WorkloadName.AER, WorkloadName.ENQUEUE))


def test_progress_goes_to_standard_error(run: FakeRun) -> None:
    result = invoke()

    assert "statuses: jobset: 0.0040 s" in result.stderr
    assert "a note with [brackets]" in result.stderr
    assert "0.0040 s" not in result.stdout


@pytest.mark.parametrize(("arguments", "code"), [([], 1), (["--quick"], 0)])
def test_a_broken_promise_fails_at_full_size_only(
    run: FakeRun, arguments: list[str], code: int
) -> None:
    run.rows = [SLOW]

    assert invoke(*arguments).exit_code == code


def test_json_holds_the_rows(run: FakeRun, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"

    invoke("--json", str(path))

    assert json.loads(path.read_text(encoding="utf-8")) == [ROW.to_dict()]


def test_a_file_that_cannot_be_written_is_told_before_measuring(
    run: FakeRun, tmp_path: Path
) -> None:
    result = invoke("--json", str(tmp_path / "missing" / "rows.json"))

    assert result.exit_code == 1
    assert "rows.json" in result.stderr
    assert run.options is None


def test_the_last_rows_stay_until_there_are_new_ones(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(options: BenchOptions, reporter: Reporter) -> list[Row]:
        raise ZeroDivisionError

    path = tmp_path / "rows.json"
    path.write_text("old")
    monkeypatch.setattr(command, "run_bench", fail)

    with pytest.raises(ZeroDivisionError):
        invoke("--json", str(path))

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_may_go_to_a_device(run: FakeRun) -> None:
    assert invoke("--json", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()
