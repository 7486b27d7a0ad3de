"""``jobset worker`` and ``jobset watcher``: become the process that stands beside a provider."""

import os
from typing import NoReturn

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.supervision.commands import package_root, python_command, python_environment

_PASS_ALL = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    # --help is answered by the process, which knows its options.
    "help_option_names": [],
}


@click.command(context_settings=_PASS_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_access
def worker(access: Access, arguments: tuple[str, ...]) -> None:
    """Run a Celery worker for the backends that JOBSET_CONFIG names."""
    _become(access, "worker", arguments)


@click.command(context_settings=_PASS_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_access
def watcher(access: Access, arguments: tuple[str, ...]) -> None:
    """Run a watcher: it polls the providers and recovers what was lost."""
    _become(access, "watcher", arguments)


def _become(access: Access, role: str, arguments: tuple[str, ...]) -> NoReturn:
    """Replace this process, so that signals and exit codes are the role's own."""
    command = python_command("worker", role, *arguments)
    environment = python_environment(os.environ, package_root())
    if access.url:
        environment["JOBSET_URL"] = access.url
    os.execve(command[0], command, environment)  # noqa: S606  (a shell is not wanted)
