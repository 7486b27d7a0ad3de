"""The command line as its users have it: processes of its own, a real local cluster."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from qiskit import qasm2, qpy

from jobset_client.cli.commands.demo import demo_circuits
from jobset_client.cli.errors import ExitCode
from jobset_client.supervision.commands import package_root, python_environment
from tests.support import wait_until

COMMAND = [sys.executable, "-c", "from jobset_client.cli import main; main()"]


class Shell:
    """A user with a state directory and a folder of circuits."""

    def __init__(self, home: Path) -> None:
        self.home = home
        base = {name: value for name, value in os.environ.items() if "JOBSET" not in name}
        self._environment = python_environment(
            {**base, "XDG_STATE_HOME": str(home), "COLUMNS": "200"}, package_root()
        )

    def __call__(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert answer.returncode == code, answer.stderr
        return answer

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.home,
            env=self._environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # What runs in the background of a script ignores Ctrl-C, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def pids(self) -> list[int]:
        status = json.loads(self("status", "--json").stdout)
        return [process["pid"] for process in status["processes"]]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A user whose cluster runs."""
    shell = Shell(tmp_path_factory.mktemp("home"))
    circuits = demo_circuits(4)
    (shell.home / "one.qasm").write_text(qasm2.dumps(circuits[0]))
    with (shell.home / "many.qpy").open("wb") as file:
        qpy.dump(circuits, file)
    shell("up", "--workers", "1")
    yield shell
    shell("down")


def table(answer: subprocess.CompletedProcess[str]) -> Sequence[list[str]]:
    return [line.split() for line in answer.stdout.splitlines()[2:]]


def test_up_again_changes_nothing(shell: Shell) -> None:
    pids = shell.pids()
    answer = shell("up", "--workers", "3")
    assert "jobset down" in answer.stderr
    assert answer.stdout.startswith("unix://")
    assert shell.pids() == pids


def test_circuits_go_in_and_results_come_out(shell: Shell) -> None:
    # When files are run, waiting for the end
    ran = shell(
        "run", "one.qasm", "many.qpy", "--name", "mine", "--shots", "100", "--seed", "7",
        "--chunk-size", "2",
    )  # fmt: skip
    set_id = ran.stdout.strip()

    # Then list, report and results agree
    assert "3 of 3 chunks" in ran.stderr
    assert [set_id[:12], "mine", "aer", "5", "3/3", "done"] in [
        row[:6] for row in table(shell("ls"))
    ]
    assert "Successful jobs: 3" in shell("show", set_id[:8]).stdout
    document = json.loads(shell("results", "mine", "--format", "json").stdout)
    assert [entry["name"] for entry in document["results"]] == [
        "one", "ghz_0", "ghz_1", "ghz_2", "ghz_3",
    ]  # fmt: skip
    assert {sum(entry["counts"].values()) for entry in document["results"]} == {100}


def test_a_set_leaves_and_comes_back(shell: Shell) -> None:
    shell("run", "many.qpy", "--name", "moved", "--chunk-size", "2")
    before = shell("results", "moved", "--format", "json").stdout
    path = shell("export", "moved", "moved.zip").stdout.strip()
    shell("delete", "moved", "--yes")
    shell("results", "moved", code=ExitCode.NOT_FOUND)
    set_id = shell("import", path).stdout.strip()
    assert json.loads(shell("ls", "--json", "--since", "1h", "--status", "done").stdout)
    assert shell("results", set_id, "--format", "json").stdout == before
    shell("results", set_id, "--format", "parquet", "--output", "rows.parquet")
    assert (shell.home / "rows.parquet").stat().st_size > 0
    shell("prune", "0s", "--yes")
    assert json.loads(shell("ls", "--json").stdout) == []


def test_a_set_that_fails_is_seen_in_the_exit_code(shell: Shell) -> None:
    ran = shell("run", "one.qasm", "--name", "bad", "--option", "nonsense=1", code=ExitCode.FAILED)
    assert "nonsense" in ran.stderr
    shell("results", "bad", code=ExitCode.FAILED)


def test_a_set_that_nobody_runs_waits_and_is_cancelled(shell: Shell) -> None:
    # Given a cluster whose worker is held
    [worker] = [
        process["pid"]
        for process in json.loads(shell("status", "--json").stdout)["processes"]
        if process["name"] == "worker"
    ]
    os.killpg(worker, signal.SIGSTOP)
    try:
        # When a set is sent and followed, then Ctrl-C ends the following
        running = shell.start("run", "many.qpy", "--name", "held", "--chunk-size", "1")
        said = running.stderr
        assert said is not None
        wait_until(lambda: "of 4 chunks" in said.readline(), description="a progress line")
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == ExitCode.INTERRUPTED
        assert "jobset watch" in said.read()
        running.communicate()

        # Then the set is there, a time-out is told, and cancelling ends it
        shell("watch", "held", "--timeout", "0.1", code=ExitCode.TIMED_OUT)
        assert "cancelled 4 chunks" in shell("cancel", "held").stderr
        shell("watch", "held", code=ExitCode.FAILED)
    finally:
        os.killpg(worker, signal.SIGCONT)


def test_doctor_finds_nothing_wrong(shell: Shell) -> None:
    document = json.loads(shell("doctor", "--json").stdout)
    levels = {finding["subject"]: finding["level"] for finding in document["findings"]}
    assert document["ok"] is True
    assert levels.keys() >= {"installation", "local cluster", "server", "workers", "watchers"}


def test_no_server_is_told_at_once(shell: Shell) -> None:
    answer = shell("--url", f"unix://{shell.home}/none", "ls", code=ExitCode.UNAVAILABLE)
    assert answer.stderr.startswith("Error: the store does not answer")
    assert len(answer.stderr.splitlines()) == 1


def test_demo_leaves_data_and_no_process(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # When the demo runs for a user without a cluster, and without a terminal
    shell = Shell(tmp_path)
    request.addfinalizer(lambda: shell("down"))
    shown = shell("demo", "--circuits", "60", "--chunk-size", "20")

    # Then it shows report and histogram, and no control codes
    assert "Total jobs: 3" in shown.stdout
    assert re.search(r"11111 +\d+ +\d+\.\d % +█", shown.stdout)
    assert "\x1b" not in shown.stdout + shown.stderr
    # and nothing runs any more
    shell("status", code=ExitCode.UNAVAILABLE)

    # When the user asks for job sets, then the cluster starts again and has it
    listed = shell("ls")
    assert "Starting a local cluster" in listed.stderr
    assert [row[1:6] for row in table(listed)] == [["demo", "aer", "60", "3/3", "done"]]
