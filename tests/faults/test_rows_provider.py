"""Row 8 of the table of faults: a provider that refuses, fails, hangs and loses its answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobset_client import JobManager
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.rows import FULL, row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(200)

TABLE = """
timeout_seconds = 0.6
find_lag_seconds = 2.0
"""
"""A job may be made 0.2 s after its client gave up and be listed 0.3 s later still; the rest is for
a busy machine."""
SUBMISSIONS = {
    "full_rate": 0.05,
    "unavailable_rate": 0.05,
    "dropped_rate": 0.02,
    "cut_rate": 0.01,
    "bad_gateway_rate": 0.01,
    "silent_rate": 0.01,
    "silent_after_rate": 0.01,
    "slow_rate": 0.01,
    "slow_seconds": 0.8,
}
QUESTIONS = {
    "full_rate": 0.05,
    "unavailable_rate": 0.05,
    "cut_rate": 0.02,
    "garbage_rate": 0.02,
    "silent_rate": 0.01,
}
FAILING = ["unavailable", "garbage", "full", "cut"]
"""What befalls the first questions of each kind, so that each trouble surely comes."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, TABLE) as fleet:
        fleet.start_worker(concurrency=4, wait=False)
        fleet.start_watcher(wait=False)
        wait_until(
            lambda: fleet.announced("worker") and fleet.announced("watcher"),
            description="worker and watcher to announce themselves",
            timeout_seconds=40,
        )
        yield fleet


@pytest.fixture
def manager(fleet: Fleet) -> Iterator[JobManager]:
    with fleet.manager() as manager:
        yield manager


def test_row_8_a_provider_that_fails(fleet: Fleet, manager: JobManager) -> None:
    chunks = sized(full=400, short=30)
    struck = [name.removesuffix("_rate") for name in SUBMISSIONS if name.endswith("_rate")]
    rates = QUESTIONS if FULL else {}
    questions = {**rates, "first": FAILING}
    fleet.behave(
        submit={**SUBMISSIONS, "first": struck},
        find=questions,
        # A poll that fails keeps all chunks waiting, longer each time.
        poll={**rates, "first": FAILING[:2]},
        result=questions,
        index_lag_seconds=0.3,
        retry_after_seconds=sized(full=30, short=10) / 10,
        run_seconds=0.1,
    )
    with row(8, "provider: 10 % 429/5xx, answers lost, hangs", within_seconds=90) as this:
        job_set = manager.run(small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10)
        this.judge(fleet, job_set, timeout_seconds=85)
        told = fleet.provider.stats()
        print({kind: told[kind] for kind in ("troubles", "too_early", "questions_too_early")})
        assert told["troubles"]["submit"].keys() == set(struck)
        for kind, least in (("find", FAILING), ("poll", FAILING[:2]), ("result", FAILING)):
            assert told["troubles"][kind].keys() >= set(least)
        assert told["too_early"] == 0
        assert told["questions_too_early"]["poll"] == 0
        assert told["questions_too_early"]["result"] == 0


def test_a_request_that_its_client_repeated_leaves_one_job(
    fleet: Fleet, manager: JobManager
) -> None:
    chunks = sized(full=40, short=12)
    fleet.behave(submit={"repeated_rate": 0.3, "first": ["repeated"]}, run_seconds=1.0)
    job_set = manager.run(small_circuits(chunks), ALIAS, max_experiments_per_job=1, shots=10)

    job_set.results(timeout=60)

    told = fleet.provider.stats()
    assert told["troubles"]["submit"]["repeated"] == len(told["duplicates"])
    assert set(told["standing"].values()) == {1}
    assert len(told["standing"]) == chunks
