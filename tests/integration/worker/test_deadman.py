"""A process that sleeps through its lease does not live to make its request."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jobset_protocol.errors import StaleFenceError
from tests.support import wait_until
from worker.deadman import DeadMan

ROOT = Path(__file__).parents[3]
FROZEN = """
import os, signal, sys, time
from worker.deadman import DeadMan
with DeadMan().armed(time.monotonic() + 0.2):
    os.kill(os.getpid(), signal.SIGSTOP)
    print("woke")
"""


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_process_that_was_frozen_past_its_time_ends_as_it_wakes() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FROZEN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: state(process.pid) == "T", description="it to be frozen")
        frozen_at = time.monotonic()
        wait_until(lambda: time.monotonic() - frozen_at > 0.3, description="its time to pass")
        assert process.poll() is None
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, said) == (-signal.SIGALRM, "")


def test_what_is_done_in_time_is_not_disturbed() -> None:
    script = FROZEN.replace("os.kill(os.getpid(), signal.SIGSTOP)", "pass") + "time.sleep(0.4)"
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (0, "woke\n")


def test_its_time_is_put_off_from_another_thread() -> None:
    script = """
import threading, time
from worker.deadman import DeadMan
dead_man = DeadMan()
with dead_man.armed(time.monotonic() + 0.3):
    other = threading.Thread(target=lambda: dead_man.put_off(time.monotonic() + 10))
    other.start()
    other.join()
    time.sleep(0.6)
    print("lived")
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (0, "lived\n")


def test_too_late_is_said_before_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.deadman._is_possible", lambda: True)
    with pytest.raises(StaleFenceError), DeadMan().armed(time.monotonic() - 1):
        pytest.fail("the request would have been made")


def test_other_threads_and_other_uses_of_the_signal_are_left_alone() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    passed = []

    def elsewhere() -> None:
        with DeadMan().armed(time.monotonic() - 1):
            passed.append(signal.getitimer(signal.ITIMER_REAL)[0])

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert passed
    assert passed[0] <= before
    assert signal.getsignal(signal.SIGALRM) == handler


def test_a_slow_submission_lives_while_its_lease_is_extended() -> None:
    script = """
import time
from tests.unit.worker.stand_ins import Bench, SteeredRemote
provider = SteeredRemote()
bench = Bench(provider)
worker = bench.new_worker("w2", 0.3)
provider.before_submit = lambda: time.sleep(0.9)
[key] = bench.add_set()
print(worker.submit_chunk(key).status.name)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (0, "SUBMITTED\n"), outcome.stderr
