"""Row 19: hours of polling, in seconds: nothing is submitted again, and nothing grows."""

import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobset_protocol import keys
from jobset_protocol.messages import ChunkKey, ChunkRecord
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, HURRIED, Fleet
from tests.faults.processes import ROOT
from tests.faults.rows import row, sized
from tests.support import wait_until
from worker.watched import Pace

pytestmark = pytest.mark.timeout(180)

MOST_GROWTH = 1.10
UNCHANGED = ("status", "fence", "attempt", "reference", "tries")


class CompressedWatcher:
    """See :mod:`tests.faults.polling_process`.

    Args:
        fleet: Whose store and provider it uses.
    """

    def __init__(self, fleet: Fleet) -> None:
        environment = {
            **os.environ,
            **HURRIED,
            "PYTHONPATH": str(ROOT),
            "JOBSET_URL": fleet.valkey.url,
            "JOBSET_CONFIG": str(fleet.config),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.polling_process"],
            cwd=fleet.directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def be_ready(self) -> None:
        """Wait until it has connected."""
        assert self._answer() == ["ready"]

    def poll(self, rounds: int) -> tuple[int, int]:
        """Return how many chunks it attended to, and its messages to submit so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rounds}\n")
        self._process.stdin.flush()
        attended, submissions = map(int, self._answer())
        return attended, submissions

    def go_on(self) -> None:
        """Let it watch as any watcher does."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def memory_bytes(self) -> int:
        """Return what it has in memory: its resident set."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()


@pytest.fixture
def watcher(fleet: Fleet) -> Iterator[CompressedWatcher]:
    with contextlib.closing(CompressedWatcher(fleet)) as watcher:
        yield watcher


def occupy(fleet: Fleet) -> None:
    """Give the device to an endless job of somebody else: all others queue behind it."""
    fleet.behave(max_running=1, run_seconds=1e6)
    qpy = base64.b64encode(b"QISKIT").decode()
    job = {"tag": "another's", "circuits": [["endless", 1]], "qpy": qpy}
    httpx.post(f"{fleet.provider.url}/jobs", json=job).raise_for_status()


def sizes(fleet: Fleet, set_id: str) -> tuple[int, int, int]:
    """Return how many keys, events of the set and broker messages the store holds."""
    client = fleet.store.client
    queues = sum(client.llen(name) for name in (keys.queue(ALIAS), keys.collect_queue(ALIAS)))
    return client.dbsize(), client.xlen(keys.job_set(set_id, "events")), queues


def essence(records: list[ChunkRecord]) -> list[list[Any]]:
    """Return what polls of jobs that run on must not change."""
    return [[getattr(record, name) for name in UNCHANGED] for record in records]


def test_row_19_hours_of_polling(fleet: Fleet, watcher: CompressedWatcher) -> None:
    jobs, hours = sized(full=300, short=50), sized(full=12, short=2)
    # The longest interval between two polls of a job is what hours-old ones come to.
    rounds = round(hours * 3600 / Pace().poll_max_seconds)
    occupy(fleet)
    worker = fleet.start_worker(wait=False)
    with (
        row(19, f"{hours} h of polling {jobs} jobs, compressed", within_seconds=60) as this,
        fleet.manager() as manager,
    ):
        watcher.be_ready()
        wait_until(lambda: fleet.announced("worker") == 1, description="the worker")
        job_set = manager.run(small_circuits(jobs), ALIAS, max_experiments_per_job=1, shots=10)
        set_id = job_set.job_set_id()
        wait_until(
            lambda: job_set.chunk_statuses() == [ChunkStatus.SUBMITTED] * jobs,
            description="all jobs to be at the provider",
            timeout_seconds=30,
        )
        watcher.poll(max(rounds // 10, 12))
        chunks = [ChunkKey(set_id, index) for index in range(jobs)]
        before = (essence(fleet.store.chunks(chunks)), sizes(fleet, set_id))
        memory_bytes = watcher.memory_bytes()

        attended, resubmissions = watcher.poll(rounds)

        growth = watcher.memory_bytes() / memory_bytes
        assert attended == rounds * jobs
        assert resubmissions == 0
        assert growth < MOST_GROWTH
        assert (essence(fleet.store.chunks(chunks)), sizes(fleet, set_id)) == before
        fleet.behave(run_seconds=0.0, max_running=None)
        # Far behind in the provider's queue, a job is next asked for a minute later.
        watcher.poll(1)
        watcher.go_on()
        this.judge(fleet, job_set, timeout_seconds=30)
        print(f"{attended} polls, memory × {growth:.3f} of {memory_bytes >> 20} MiB")
        assert worker.running
