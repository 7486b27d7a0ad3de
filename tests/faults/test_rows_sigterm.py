"""Row 18: half of the workers are told to stop while all of them submit."""

import signal
import time

import pytest

from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import Member, alive
from tests.faults.rows import row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

ENDS_WITHIN_SECONDS = 30.0
LATENCY_SECONDS = 0.2
IN_FLIGHT_SECONDS = 3.0
"""How long a submission takes at that moment: longer than the one drain, shorter than the other."""
SHORT_DRAIN = {"JOBSET_DRAIN_SECONDS": "1"}
LONG_DRAIN = {"JOBSET_DRAIN_SECONDS": "8"}


def node(fleet: Fleet, member: Member) -> str:
    """Return the name under which a worker claims chunks."""
    [name] = [each.worker_id for each in fleet.store.workers() if each.pid == member.pid]
    return name


def test_row_18_half_the_workers_told_to_stop(fleet: Fleet) -> None:
    chunks = sized(full=400, short=80)
    fleet.behave(run_seconds=0.2, submit_latency_seconds=LATENCY_SECONDS)
    doomed = [
        fleet.start_worker(concurrency=1, environment=drain, wait=False)
        for drain in (SHORT_DRAIN, LONG_DRAIN)
    ]
    spared = sized(full=2, short=1)
    # As many processes in both halves.
    for _ in range(spared):
        fleet.start_worker(concurrency=2 // spared, wait=False)
    fleet.start_watcher(wait=False)
    wait_until(
        lambda: (fleet.announced("worker"), fleet.announced("watcher")) == (2 + spared, 1),
        description="all of them",
        timeout_seconds=40,
    )
    with (
        fleet.manager() as manager,
        row(18, "SIGTERM to half of the submitting processes", within_seconds=60) as this,
    ):
        job_set = manager.run(small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10)
        wait_until(
            lambda: ChunkStatus.DONE in job_set.chunk_statuses(), description="the first chunk"
        )
        fleet.behave(submit_latency_seconds=IN_FLIGHT_SECONDS)
        nodes = [node(fleet, member) for member in doomed]

        def in_flight() -> dict[str, int]:
            # Those that began before are at their end by now.
            now = fleet.store.now()
            return {
                chunk.owner: chunk.key.index
                for chunk in fleet.store.chunks(job_set.layout.keys)
                if chunk.status is ChunkStatus.SUBMITTING
                and chunk.owner in nodes
                and now - chunk.claimed_at > 2 * LATENCY_SECONDS
            }

        wait_until(lambda: len(in_flight()) == len(nodes), description="both of them to submit")
        held = in_flight()
        assert len(held) == len(nodes)
        children = [pid for member in doomed for pid in member.children()]
        begun = time.monotonic()
        for member in doomed:
            member.send(signal.SIGTERM)
        this.kills = len(doomed)
        fleet.behave(submit_latency_seconds=0.02)
        for member in doomed:
            assert member.process.wait(ENDS_WITHIN_SECONDS) is not None
        assert time.monotonic() - begun <= ENDS_WITHIN_SECONDS
        assert not any(map(alive, children))
        assert not {*nodes} & {each.worker_id for each in fleet.store.workers()}
        this.judge(fleet, job_set, timeout_seconds=50)
    # Then the hasty one handed its submission over, and the patient one brought its own to an end
    assert f"{job_set.job_set_id()}:{held[nodes[0]]} was handed over" in doomed[0].log.read_text()
    assert "handed over" not in doomed[1].log.read_text()
