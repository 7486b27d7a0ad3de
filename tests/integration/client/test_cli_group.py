import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jobset_client.cli import main
from jobset_client.cli.errors import MEANINGS, ExitCode, exit_code
from jobset_client.cli.group import SECTIONS
from jobset_client.cli.lazy import Entry, LazyCommands
from jobset_protocol import errors
from tests.unit.client.cli_support import Cli

NAMES = [name for entries in SECTIONS.values() for name in entries]


def modules_after(arguments: list[str], state_home: Path) -> set[str]:
    """Run a command in a process of its own; return what it had imported at its end."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n@', *sys.modules))\n"
        "from jobset_client.cli import main\n"
        f"main({arguments!r})"
    )
    environment = {**os.environ, "XDG_STATE_HOME": str(state_home), "JOBSET_URL": ""}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return set(answer.stdout.partition("@")[2].split())


@pytest.mark.parametrize("name", NAMES)
def test_every_command_helps(name: str) -> None:
    command = main.commands[name]
    assert isinstance(command, click.Command)
    assert command.help
    assert command.name == name


def test_help_names_every_command_and_every_exit_code() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    first_words = {line.split()[0] for line in shown.splitlines() if line.startswith("  ")}
    assert first_words >= {*NAMES, *(str(code.value) for code in ExitCode)}
    assert MEANINGS.keys() == set(ExitCode)


def test_help_is_quick(tmp_path: Path) -> None:
    loaded = modules_after(["--help"], tmp_path)
    assert "click" in loaded
    assert not {"qiskit", "redis", "celery", "pydantic", "rich.table"} & loaded


@pytest.mark.parametrize("command", ["status", "down", "doctor"])
def test_looking_at_a_cluster_does_without_qiskit_and_starts_nothing(
    command: str, tmp_path: Path
) -> None:
    loaded = modules_after([command], tmp_path)
    assert "jobset_client.cluster" in loaded
    assert not {"qiskit", "celery"} & loaded
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.JobSetTimeoutError("late"), ExitCode.TIMED_OUT),
        (errors.BackendNotFoundError("who"), ExitCode.NOT_FOUND),
        (errors.AmbiguousNameError("which"), ExitCode.NOT_FOUND),
        (errors.InvalidOptionsError("no"), ExitCode.USAGE),
        (errors.StoreUnavailableError("gone"), ExitCode.UNAVAILABLE),
        (errors.StoreLostError("gone"), ExitCode.UNAVAILABLE),
        (errors.ClusterError("cannot"), ExitCode.UNAVAILABLE),
        (errors.PayloadTooLargeError("big"), ExitCode.FAILED),
    ],
)
def test_errors_have_exit_codes(error: errors.JobSetError, code: ExitCode) -> None:
    assert exit_code(error) is code


def test_an_error_is_one_line_without_a_traceback(cli: Cli) -> None:
    result = cli("show", "nobody", code=ExitCode.NOT_FOUND)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: no job set has the id or the name 'nobody'")
    assert len(result.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(cli: Cli) -> None:
    result = cli("--debug", "show", "nobody", code=ExitCode.NOT_FOUND)
    assert "Traceback" in result.stderr
    assert "JobSetNotFoundError" in result.stderr


def test_a_wrong_url_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["--url", "nonsense", "ls"])
    assert result.exit_code == ExitCode.USAGE
    assert "not a store URL" in result.stderr


def test_a_command_whose_extra_is_missing_names_it() -> None:
    commands = LazyCommands({"bench": Entry("no_such_module:bench", "", extra="bench")})
    with pytest.raises(errors.ConfigurationError, match=r"jobset\[bench\]"):
        commands["bench"]


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("jobset ")
