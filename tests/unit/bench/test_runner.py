"""The runner over systems that answer by themselves."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from jobset_bench import runner
from jobset_bench.options import BenchOptions
from jobset_bench.roster import DASK_HINT
from jobset_bench.systems.base import RunningSystem, SendingSystem
from jobset_bench.workloads import Counts, Sizes, Workload, WorkloadName
from jobset_protocol.errors import ConfigurationError, JobSetError


class Recorder:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.expected = 0
        self.measurements: list[str] = []
        self.notes: list[str] = []

    def expect(self, steps: int) -> None:
        self.expected += steps

    def begin(self, description: str) -> None:
        pass

    def measured(self, description: str) -> None:
        self.measurements.append(description)

    def note(self, message: str) -> None:
        self.notes.append(message)


class Answering(RunningSystem):
    """Answers ``bit`` for every shot; leaves out the last ``missing`` circuits."""

    setting = "none"

    def __init__(self, name: str, bit: str = "0", missing: int = 0) -> None:
        super().__init__()
        self.name = name
        self.sizes: list[int] = []
        self.running = False
        self._bit = bit
        self._missing = missing

    def start(self, stack: ExitStack) -> None:
        self.running = True
        stack.callback(self._halt)

    def run(self, workload: Workload) -> Sequence[Counts]:
        assert self.running
        self.sizes.append(len(workload.circuits))
        answered = len(workload.circuits) - self._missing
        return [{self._bit * 5: workload.shots} for _ in range(answered)]

    def _halt(self) -> None:
        self.running = False


class Swallowing(SendingSystem):
    """Takes chunks."""

    name = "jobset"
    setting = "none"

    def __init__(self) -> None:
        super().__init__()
        self.starts = 0
        self._sent = 0

    def start(self, stack: ExitStack) -> None:
        self.starts += 1
        self._sent = 0

    def send(self, workload: Workload) -> None:
        self._sent = len(workload.starts)

    def statuses(self) -> Sequence[object]:
        return [None] * self._sent


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few circuits, and no search for garbage in all that pytest has loaded."""
    sizes = Sizes(circuits=30, chunk_size=1, sent_chunks=25)
    monkeypatch.setattr("jobset_bench.options.QUICK", sizes)
    monkeypatch.setattr("gc.collect", lambda: 0)


def given(monkeypatch: pytest.MonkeyPatch, *systems: RunningSystem) -> None:
    monkeypatch.setattr(runner, "running_systems", lambda name: list(systems))


def options(*workloads: WorkloadName, repeat: int = 1) -> BenchOptions:
    return BenchOptions(quick=True, repeat=repeat, workloads=workloads)


def test_every_system_warms_up_and_then_runs_once_a_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given
    first, second = Answering("jobset"), Answering("celery")
    given(monkeypatch, first, second)
    reporter = Recorder()

    # When
    rows = runner.run_bench(options(WorkloadName.INSTANT, repeat=2), reporter)

    # Then
    assert first.sizes == second.sizes == [20, 30] * 2
    assert [(row.system, row.chunks) for row in rows] == [("jobset", 30), ("celery", 30)]
    assert reporter.expected == len(reporter.measurements) == 4


def test_another_system_begins_at_each_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, Answering("jobset"), Answering("celery"))
    reporter = Recorder()

    runner.run_bench(options(WorkloadName.INSTANT, repeat=2), reporter)

    order = [text.split(",")[0].removeprefix("instant: ") for text in reporter.measurements]
    assert order == ["jobset", "celery", "celery", "jobset"]


def test_a_system_that_loses_circuits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, Answering("jobset"), Answering("celery", missing=1))

    with pytest.raises(JobSetError, match="celery returned 29 counts for 30 circuits"):
        runner.run_bench(options(WorkloadName.INSTANT), Recorder())


def test_other_counts_for_the_same_seeds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, Answering("jobset"), Answering("dask", bit="1"))

    with pytest.raises(JobSetError, match=r"dask returned other counts .* for circuit 0"):
        runner.run_bench(options(WorkloadName.AER), Recorder())


def test_all_systems_are_stopped_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    systems = Answering("jobset"), Answering("celery", missing=1)
    given(monkeypatch, *systems)

    with pytest.raises(JobSetError):
        runner.run_bench(options(WorkloadName.INSTANT), Recorder())

    assert [system.running for system in systems] == [False, False]


def test_sending_begins_on_an_empty_server_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Swallowing()
    monkeypatch.setattr(runner, "sending_systems", lambda: [system])

    rows = runner.run_bench(
        options(WorkloadName.ENQUEUE, WorkloadName.STATUSES, repeat=3), Recorder()
    )

    assert system.starts == 3
    assert [(row.workload, row.chunks) for row in rows] == [("enqueue", 25), ("statuses", 25)]


def test_statuses_that_are_not_all_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetting(Swallowing):
        def statuses(self) -> Sequence[object]:
            return []

    monkeypatch.setattr(runner, "sending_systems", lambda: [Forgetting()])

    with pytest.raises(JobSetError, match="0 statuses of 25 chunks"):
        runner.run_bench(options(WorkloadName.STATUSES), Recorder())


def test_only_what_was_asked_for_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "sending_systems", lambda: [Swallowing()])

    rows = runner.run_bench(options(WorkloadName.STATUSES), Recorder())

    assert [row.workload for row in rows] == [WorkloadName.STATUSES]


def test_without_dask_its_row_is_left_out_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, Answering("jobset"))
    monkeypatch.setattr(runner, "dask_is_installed", lambda: False)
    reporter = Recorder()

    runner.run_bench(options(WorkloadName.INSTANT), reporter)

    assert reporter.notes == [DASK_HINT]
    assert "pip install 'jobset[bench]'" in DASK_HINT


def test_without_aer_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Answering("jobset")
    given(monkeypatch, system)
    monkeypatch.setattr("jobset_bench.runner.util.find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match="qiskit-aer"):
        runner.run_bench(options(WorkloadName.INSTANT), Recorder())

    assert system.sizes == []


def test_a_repeat_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="repeat must be at least 1, not 0"):
        BenchOptions(repeat=0)


def test_no_workload_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="name a workload: instant, aer"):
        BenchOptions(workloads=())
