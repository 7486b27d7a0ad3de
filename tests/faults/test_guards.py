"""Each guard is needed: a copy of the project without it fails the test that is named for it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.processes import ROOT

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Guard:
    """What keeps chunks from being lost or submitted twice.

    Args:
        name: What it is.
        test: The test that fails without it.
        removal: File, text in it, and what takes its place.
    """

    name: str
    test: str
    removal: tuple[tuple[str, str, str], ...]


LUA = "jobset_protocol/store/lua"
GUARDS = [
    Guard(
        "the fence check",
        "tests/unit/protocol/test_memory_store.py::TestMemoryStore::"
        "test_a_new_claim_fences_the_old_one_out",
        (
            (
                f"{LUA}/_prelude.lua",
                "return redis.call('HGET', chunk, 'fence') ~= fence or ",
                "return ",
            ),
        ),
    ),
    Guard(
        "the intent",
        "tests/unit/worker/test_submission.py::"
        "test_a_job_that_is_listed_late_is_found_and_not_submitted_again",
        (
            (f"{LUA}/intend.lua", "move(index, current, 'I')", ""),
            (f"{LUA}/submitted.lua", "is_one_of(current, 'I?')", "is_one_of(current, 'LI?')"),
        ),
    ),
    Guard(
        "the look-up of a tag",
        "tests/unit/worker/test_submission.py::"
        "test_a_tag_that_the_provider_has_is_never_submitted_again",
        (
            (
                "worker/rules.py",
                "found = self._watch.provider.find(chunk.claim.tag) if able.find else []",
                "found = []",
            ),
            (
                "worker/submitting.py",
                "if claim.fence > 1 and adapter.capabilities.find:",
                "if False:",
            ),
        ),
    ),
    Guard(
        "the look-up before a submission is repeated",
        "tests/unit/worker/test_execution.py::test_a_late_job_is_kept_for_a_chunk_that_has_none",
        (
            (
                "worker/submitting.py",
                "if claim.fence > 1 and adapter.capabilities.find:",
                "if False:",
            ),
        ),
    ),
    Guard(
        "the look-up after a success",
        "tests/unit/worker/test_submission.py::"
        "test_a_request_that_the_client_repeated_by_itself_leaves_one_job",
        (
            (
                "worker/submitting.py",
                "others = others_than(job, jobs_of(adapter, claim))",
                "others = []",
            ),
        ),
    ),
    Guard(
        "the heartbeat of a claim",
        "tests/integration/worker/test_leases.py::test_a_held_claim_is_extended_again_and_again",
        (
            (
                "worker/leases.py",
                "                self._extend(claim, backend)",
                "                pass",
            ),
        ),
    ),
    Guard(
        "the heartbeat of a submission",
        "tests/integration/worker/test_deadman.py::"
        "test_a_slow_submission_lives_while_its_lease_is_extended",
        (("worker/leases.py", "self._dead_man.put_off(until)", "pass"),),
    ),
    Guard(
        "the sending again of lost messages",
        "tests/integration/worker/test_watcher.py::TestRecovery::"
        "test_a_lost_message_is_sent_again_at_the_second_sight",
        (
            (
                "worker/recovery.py",
                "self._dispatcher.submit(job_set, [key.index for key in lost])",
                "pass",
            ),
        ),
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which the named tests pass."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("jobset_protocol", "jobset_client", "worker", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    outcome = run(copy, *(guard.test for guard in GUARDS))
    assert outcome.returncode == 0, outcome.stdout
    return copy


def run(copy: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_without_it_its_test_fails(copy: Path, guard: Guard) -> None:
    whole = {name: (copy / name).read_text() for name, _, _ in guard.removal}
    try:
        for name, text, replacement in guard.removal:
            assert (copy / name).read_text().count(text) == 1, f"{name} has changed"
            (copy / name).write_text((copy / name).read_text().replace(text, replacement))
        outcome = run(copy, guard.test)
    finally:
        for name, text in whole.items():
            (copy / name).write_text(text)
    assert outcome.returncode == pytest.ExitCode.TESTS_FAILED, outcome.stdout
    assert "1 failed" in outcome.stdout
