import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobset_client.cli import main
from jobset_client.cli.commands.demo import demo_circuits
from jobset_client.cli.errors import ExitCode
from tests.unit.client.cli_support import Cli


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A user without a cluster and without settings."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("JOBSET_URL", "")
    return CliRunner()


def test_status_tells_that_nothing_runs(nothing_runs: CliRunner) -> None:
    result = nothing_runs.invoke(main, ["status"])
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "jobset up" in result.stderr
    document = json.loads(nothing_runs.invoke(main, ["status", "--json"]).stdout)
    assert document["running"] is False


def test_down_without_a_cluster_is_fine(nothing_runs: CliRunner) -> None:
    result = nothing_runs.invoke(main, ["down"])
    assert result.exit_code == ExitCode.OK
    assert "No local cluster" in result.stderr


def test_doctor_tells_how_to_begin(nothing_runs: CliRunner) -> None:
    result = nothing_runs.invoke(main, ["doctor"])
    assert result.exit_code == ExitCode.FAILED
    assert "jobset up" in result.stdout


def test_status_of_another_store(cli: Cli) -> None:
    document = cli.json("status", "--json")
    assert document["workers_alive"] == 1
    assert document["backends"] == ["sim"]
    assert document["unfinished_job_sets"] == 0
    assert "1 worker, 0 watchers" in cli("status").stdout


@pytest.mark.parametrize("role", ["worker", "watcher"])
def test_worker_and_watcher_become_another_program(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a look at what is executed
    executed: list[tuple[tuple[str, ...], Mapping[str, str]]] = []

    def execute(path: str, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        assert path == sys.executable
        executed.append((command, environment))

    monkeypatch.setattr(os, "execve", execute)

    # When a command is called with options that only the program knows
    CliRunner().invoke(main, ["--url", "redis://h", role, "--help", "-c", "4", "--", "x"])

    # Then they are passed on as they are, and so is the URL
    [(command, environment)] = executed
    assert command[-7:] == ("worker", role, "--help", "-c", "4", "--", "x")
    assert environment["JOBSET_URL"] == "redis://h"


def test_demo_circuits_are_named_and_the_same_each_time() -> None:
    made = demo_circuits(3)
    assert [circuit.name for circuit in made] == ["ghz_0", "ghz_1", "ghz_2"]
    assert {circuit.num_qubits for circuit in made} == {5}
    assert made == demo_circuits(3)
    assert made[0] != made[1]
