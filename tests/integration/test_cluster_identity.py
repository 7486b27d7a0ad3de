"""Telling a process from another that bears its number later."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobset_client.supervision import identity as identity_module
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.leftovers import end, end_leftovers
from jobset_client.supervision.records import SERVER, SUPERVISOR, Ledger, ProcessRecord
from tests.support import wait_until

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True)\n"
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ignores SIGTERM, in a session of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN + SLEEP], stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"on\n"
        yield running
        running.kill()


def test_a_running_process_is_alive() -> None:
    assert ProcessIdentity.of(os.getpid()).is_alive


def test_a_number_with_another_start_is_a_stranger() -> None:
    mine = ProcessIdentity.of(os.getpid())

    assert not ProcessIdentity(mine.pid, mine.started + "0").is_alive


def test_a_stranger_is_never_signalled(process: "subprocess.Popen[bytes]") -> None:
    # Given a record of an earlier process that bore the same number
    earlier = ProcessIdentity(process.pid, "an earlier start")

    # When it is signalled and killed
    earlier.signal(signal.SIGKILL)
    earlier.kill_group()

    # Then the process of today lives on
    assert process.poll() is None
    assert ProcessIdentity.of(process.pid).is_alive


def test_where_the_system_tells_no_start_nothing_counts_as_alive(
    process: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_module, "start_of", lambda pid: "")
    unknown = ProcessIdentity.of(process.pid)

    unknown.kill_group()

    assert not unknown.is_alive
    assert process.poll() is None


def test_a_process_that_ended_but_was_not_waited_for_is_gone(
    process: "subprocess.Popen[bytes]",
) -> None:
    identity = ProcessIdentity.of(process.pid)

    process.kill()

    wait_until(lambda: not identity.is_alive, description="the zombie to count as gone")
    assert process.poll() is not None


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="this machine has no ps")
def test_ps_tells_when_a_process_started() -> None:
    # macOS has no /proc.
    first = identity_module._start_from_ps(os.getpid())

    assert first
    assert first == identity_module._start_from_ps(os.getpid())
    assert identity_module._start_from_ps(2**22 + 1) == ""


def test_who_ignores_sigterm_is_killed(process: "subprocess.Popen[bytes]") -> None:
    identity = ProcessIdentity.of(process.pid)

    end([identity], stop_seconds=0.1)

    assert not identity.is_alive


def test_leftovers_are_ended_but_not_the_supervisor_nor_strangers(
    process: "subprocess.Popen[bytes]",
) -> None:
    # Given a ledger with one process that still runs, one stranger and a supervisor
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as server:
        ledger = Ledger(
            (
                ProcessRecord(SUPERVISOR, ProcessIdentity.of(os.getpid()), 0.0),
                ProcessRecord(SERVER, ProcessIdentity.of(server.pid), 0.0),
                ProcessRecord("worker", ProcessIdentity(process.pid, "a stranger"), 0.0),
            )
        )

        assert end_leftovers(ledger) == [SERVER]

        assert server.wait(timeout=10) == -signal.SIGTERM
        assert process.poll() is None
