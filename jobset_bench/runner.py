"""Run the systems in turn, time them, and check what they return."""

import gc
import time
from collections.abc import Callable, Sequence
from importlib import util
from statistics import median
from typing import TypeVar

from jobset_bench.checks import require_complete, require_equal
from jobset_bench.options import BenchOptions
from jobset_bench.reporting import Reporter
from jobset_bench.roster import DASK_HINT, dask_is_installed, running_systems, sending_systems
from jobset_bench.row import Row, summarise
from jobset_bench.systems.base import RunningSystem, SendingSystem, System
from jobset_bench.table import seconds_text
from jobset_bench.workloads import Counts, Workload, WorkloadName, build
from jobset_protocol.errors import ConfigurationError, JobSetError

_RUNNING = (WorkloadName.INSTANT, WorkloadName.AER)
_SENDING = (WorkloadName.ENQUEUE, WorkloadName.STATUSES)
_WARM_UP_CHUNKS = 20
_STATUS_CALLS = 3

T = TypeVar("T")
S = TypeVar("S", bound=System)


def run_bench(options: BenchOptions, reporter: Reporter) -> list[Row]:
    """Measure every chosen workload; processes that were started are stopped, whatever happens.

    Raises:
        ConfigurationError: qiskit-aer is missing.
        ClusterError: A system's processes do not start.
        JobSetError: A system returned other counts than it should have.
    """
    if util.find_spec("qiskit_aer") is None:
        raise ConfigurationError("the benchmark needs qiskit-aer: pip install 'jobset[bench]'")
    running = [name for name in _RUNNING if name in options.workloads]
    sending = [name for name in _SENDING if name in options.workloads]
    if running and not dask_is_installed():
        reporter.note(DASK_HINT)
    rows: list[Row] = []
    for name in running:
        rows += _run_workload(name, options, reporter)
    if sending:
        rows += [row for row in _send_workload(options, reporter) if row.workload in sending]
    return rows


def _run_workload(name: WorkloadName, options: BenchOptions, reporter: Reporter) -> list[Row]:
    systems = running_systems(name)
    reporter.expect(len(systems) * options.repeat)
    reporter.begin(f"{name.value}: circuits")
    workload = build(name, options.sizes)
    seconds: dict[str, list[float]] = {system.name: [] for system in systems}
    expected: Sequence[Counts] | None = None
    for repeat in range(options.repeat):
        for system in _in_turn(systems, repeat):
            label = f"{name.value}: {system.name}, {repeat + 1} of {options.repeat}"
            reporter.begin(f"{label}: starts")
            # Alone on the machine: even idle processes of others take time from it.
            with system:
                system.run(workload.head(_WARM_UP_CHUNKS))
                elapsed, counts = _timed(system.run, workload, label, reporter)
                reporter.begin(f"{label}: stops")
            require_complete(workload, system.name, counts)
            expected = expected or counts
            require_equal(workload, system.name, counts, expected)
            seconds[system.name].append(elapsed)
    return summarise(name, len(workload.starts), seconds, _settings(systems))


def _send_workload(options: BenchOptions, reporter: Reporter) -> list[Row]:
    systems = sending_systems()
    reporter.expect(len(systems) * options.repeat)
    reporter.begin("enqueue: circuits")
    workload = build(WorkloadName.ENQUEUE, options.sizes)
    sent: dict[str, list[float]] = {system.name: [] for system in systems}
    asked: dict[str, list[float]] = {system.name: [] for system in systems}
    for repeat in range(options.repeat):
        for system in _in_turn(systems, repeat):
            label = f"enqueue: {system.name}, {repeat + 1} of {options.repeat}"
            # An empty server each time.
            with system:
                system.send(workload.head(_WARM_UP_CHUNKS))
                elapsed, _ = _timed(system.send, workload, label, reporter)
                sent[system.name].append(elapsed)
                asked[system.name].append(_status_seconds(system, len(workload.starts)))
    chunks = len(workload.starts)
    settings = _settings(systems)
    return [
        *summarise(WorkloadName.ENQUEUE, chunks, sent, settings),
        *summarise(WorkloadName.STATUSES, chunks, asked, settings),
    ]


def _status_seconds(system: SendingSystem, chunks: int) -> float:
    times = []
    for _ in range(_STATUS_CALLS):
        start = time.perf_counter()
        found = len(system.statuses())
        times.append(time.perf_counter() - start)
        if found != chunks:
            raise JobSetError(f"{system.name} returned {found} statuses of {chunks} chunks")
    return median(times)


def _timed(
    work: Callable[[Workload], T], workload: Workload, label: str, reporter: Reporter
) -> tuple[float, T]:
    reporter.begin(label)
    # What one system left behind is not collected in another's time.
    gc.collect()
    start = time.perf_counter()
    value = work(workload)
    elapsed = time.perf_counter() - start
    reporter.measured(f"{label}: {seconds_text(elapsed)} s")
    return elapsed, value


def _in_turn(systems: Sequence[S], repeat: int) -> Sequence[S]:
    """Return the systems in an order that begins with another one at each repeat."""
    first = repeat % len(systems)
    return [*systems[first:], *systems[:first]]


def _settings(systems: Sequence[RunningSystem] | Sequence[SendingSystem]) -> dict[str, str]:
    return {system.name: system.setting for system in systems}
