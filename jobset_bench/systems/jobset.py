"""Jobset itself: a local cluster, ``JobManager.run`` and ``results``."""

import os
import socket
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

from qiskit.qpy.common import QPY_VERSION

from jobset_bench.server import private_valkey
from jobset_bench.systems.base import WAIT_SECONDS, WORKERS, RunningSystem, SendingSystem
from jobset_bench.workloads import Counts, Workload, WorkloadName
from jobset_client.cluster import LocalCluster
from jobset_client.job_manager import JobManager
from jobset_client.managed_job_set import ManagedJobSet
from jobset_protocol.messages import BackendSpec, WorkerRecord
from jobset_protocol.store import connect
from jobset_protocol.urls import broker_url

_BACKENDS = {WorkloadName.INSTANT: "fake", WorkloadName.AER: "aer"}
_UNSERVED = "bench"
_ANNOUNCED_SECONDS = 3_600.0


class Jobset(RunningSystem):
    """A local cluster of its own: server, watcher, and one worker of two processes."""

    name = "jobset"
    setting = f"{WORKERS} × 1"

    def __init__(self) -> None:
        super().__init__()
        self._manager: JobManager | None = None

    def start(self, stack: ExitStack) -> None:
        """See :meth:`System.start`."""
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jobset-bench-"))
        cluster = LocalCluster(workers=WORKERS, directory=folder, fake=False)
        self._manager = _manager(stack, stack.enter_context(cluster).url)

    def run(self, workload: Workload) -> Sequence[Counts]:
        """See :meth:`RunningSystem.run`."""
        assert self._manager is not None
        job_set = self._manager.run(
            workload.circuits,
            backend=_BACKENDS[workload.name],
            name="bench",
            max_experiments_per_job=workload.chunk_size,
            shots=workload.shots,
            seed_simulator=workload.seed,
        )
        counts = job_set.results(timeout=WAIT_SECONDS).get_counts()
        # One circuit alone would give a single histogram; no workload is that small.
        assert isinstance(counts, list)
        return counts


class JobsetSender(SendingSystem):
    """The client alone, with a backend that is announced and that no worker serves."""

    name = "jobset"
    setting = "client"

    def __init__(self) -> None:
        super().__init__()
        self._manager: JobManager | None = None
        self._sent: ManagedJobSet | None = None

    def start(self, stack: ExitStack) -> None:
        """See :meth:`System.start`."""
        url = stack.enter_context(private_valkey())
        _announce(url)
        self._manager = _manager(stack, url)

    def send(self, workload: Workload) -> None:
        """See :meth:`SendingSystem.send`."""
        assert self._manager is not None
        self._sent = self._manager.run(
            workload.circuits,
            backend=_UNSERVED,
            name="bench",
            max_experiments_per_job=workload.chunk_size,
            shots=workload.shots,
            seed_simulator=workload.seed,
        )

    def statuses(self) -> Sequence[object]:
        """See :meth:`SendingSystem.statuses`."""
        assert self._sent is not None
        return self._sent.statuses()


def _manager(stack: ExitStack, url: str) -> JobManager:
    # The broker is named, so that no JOBSET_BROKER_URL of the user's gets in.
    return stack.enter_context(JobManager(url, broker_url=broker_url(url)))


def _announce(url: str) -> None:
    spec = BackendSpec(_UNSERVED, provider="fake", local=True, qpy_version=QPY_VERSION)
    worker = WorkerRecord("bench", "worker", socket.gethostname(), os.getpid(), [_UNSERVED])
    store = connect(url)
    try:
        store.announce(worker, [spec], ttl_seconds=_ANNOUNCED_SECONDS)
    finally:
        store.close()
