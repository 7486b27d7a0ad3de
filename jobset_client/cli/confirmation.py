"""Ask before something is deleted for good."""

import sys

import click

from jobset_client.cli.errors import CommandFailed, ExitCode

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask; scripts need this.")
"""Gives a command the argument ``yes``."""


def confirm(question: str, *, yes: bool) -> None:
    """Go on if the user says so.

    Args:
        question: What will happen.
        yes: It was said already.

    Raises:
        CommandFailed: The user says no, or nobody can be asked.
    """
    if yes:
        return
    if not _is_interactive():
        raise CommandFailed(f"{question}  Say so with --yes.", ExitCode.USAGE)
    if not click.confirm(question, err=True):
        raise CommandFailed("Nothing was deleted.", ExitCode.FAILED)


def _is_interactive() -> bool:
    return sys.stdin.isatty()
