"""What failures become on the command line: a message on standard error, and an exit code."""

import traceback
from enum import IntEnum
from typing import IO, Any

import click

from jobset_client.cli.text import safe_lines
from jobset_protocol.errors import (
    ClusterError,
    ConfigurationError,
    JobSetError,
    JobSetTimeoutError,
    NotFoundError,
    StoreError,
)


class ExitCode(IntEnum):
    """What scripts may rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "all went well",
    ExitCode.FAILED: "a job set ended with failures, or a check or the command failed",
    ExitCode.USAGE: "an argument, a setting or a circuit file is wrong",
    ExitCode.NOT_FOUND: "no such job set, circuit or backend",
    ExitCode.UNAVAILABLE: "no server answers, or it is not fit to be used",
    ExitCode.TIMED_OUT: "the time was up; the job set goes on",
    ExitCode.INTERRUPTED: "interrupted; a job set that was sent goes on",
}

_CODES: tuple[tuple[type[JobSetError], ExitCode], ...] = (
    (JobSetTimeoutError, ExitCode.TIMED_OUT),
    (NotFoundError, ExitCode.NOT_FOUND),
    (ConfigurationError, ExitCode.USAGE),
    (StoreError, ExitCode.UNAVAILABLE),
    (ClusterError, ExitCode.UNAVAILABLE),
)


def exit_code(error: JobSetError) -> ExitCode:
    """Return the exit code for an error of ours.

    >>> exit_code(JobSetTimeoutError("late")).name
    'TIMED_OUT'
    """
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


class CommandFailed(click.ClickException):
    """Ends the command with a message and an exit code, without a traceback.

    Args:
        message: For the user.
        code: The exit code.
        debug: Show the traceback of the cause, too.
    """

    def __init__(self, message: str, code: ExitCode, *, debug: bool = False) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click asks the instance
        self._debug = debug

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message, to standard error unless click names another file."""
        if self._debug and self.__cause__ is not None:
            traceback.print_exception(self.__cause__)
        prefix = "" if self.exit_code == ExitCode.INTERRUPTED else "Error: "
        click.echo(prefix + safe_lines(self.message), file=file, err=file is None)


def failed(error: JobSetError, *, debug: bool) -> CommandFailed:
    """Return what ends a command because of ``error``; raise it from that error."""
    return CommandFailed(str(error) or type(error).__name__, exit_code(error), debug=debug)
