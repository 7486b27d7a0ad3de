"""Dask distributed: ``client.map`` over chunks on a local cluster of processes."""

import logging
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import dask
from distributed import Client, LocalCluster

from jobset_bench.chunk_work import RUNNERS, encode, simulator
from jobset_bench.systems.base import WORKERS, RunningSystem
from jobset_bench.workloads import Counts, Workload

_BATCH = 50
"""Chunks in one message to the scheduler; Dask warns above 10 MB and slows down."""


class DaskDistributed(RunningSystem):
    """A scheduler in this process and two workers; Dask itself gives each one OpenMP thread."""

    name = "dask"
    setting = f"{WORKERS} × 1"

    def __init__(self) -> None:
        super().__init__()
        self._client: Any = None

    def start(self, stack: ExitStack) -> None:
        """See :meth:`System.start`."""
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jobset-bench-"))
        stack.enter_context(dask.config.set({"temporary-directory": folder}))
        # It tells of every connection.
        logging.getLogger("distributed").setLevel(logging.WARNING)
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=WORKERS,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
            )
        )
        self._client = stack.enter_context(Client(cluster))
        self._client.run(simulator)

    def run(self, workload: Workload) -> Sequence[Counts]:
        """See :meth:`RunningSystem.run`."""
        starts = workload.starts
        futures = self._client.map(
            RUNNERS[workload.name],
            [encode(workload.chunk(start)) for start in starts],
            [workload.shots] * len(starts),
            [workload.chunk_seed(start) for start in starts],
            # Else a repeat would be answered from memory.
            pure=False,
            batch_size=_BATCH,
        )
        chunks = self._client.gather(futures)
        return [counts for chunk in chunks for counts in chunk]
