"""The group ``jobset``: its commands, its options, and how it fails."""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from jobset_client.cli.errors import MEANINGS, CommandFailed, ExitCode, failed
from jobset_client.cli.lazy import Entry, LazyCommands
from jobset_client.cli.versions import installed
from jobset_protocol.errors import JobSetError

_HERE = "jobset_client.cli.commands"
SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Job sets": {
        "demo": Entry(f"{_HERE}.demo:demo", "Run 1,000 circuits on this machine and look at them."),
        "run": Entry(f"{_HERE}.run:run", "Run circuit files as one job set."),
        "ls": Entry(f"{_HERE}.ls:ls", "List job sets, the newest first."),
        "show": Entry(f"{_HERE}.show:show", "Report on one job set."),
        "watch": Entry(f"{_HERE}.watch:watch", "Follow a job set to its end."),
        "results": Entry(f"{_HERE}.results:results", "Print the results of a job set."),
        "cancel": Entry(f"{_HERE}.cancel:cancel", "Cancel what is left of a job set."),
        "retry": Entry(f"{_HERE}.retry:retry", "Try again what failed in a job set."),
        "resolve": Entry(f"{_HERE}.resolve:resolve", "Say what became of uncertain chunks."),
        "backends": Entry(f"{_HERE}.backends:backends", "List the backends that workers serve."),
    },
    "Catalogue": {
        "delete": Entry(f"{_HERE}.delete:delete", "Delete job sets, results and all."),
        "prune": Entry(f"{_HERE}.prune:prune", "Delete the job sets that ended long ago."),
        "export": Entry(f"{_HERE}.export:export", "Write a job set to one file."),
        "import": Entry(f"{_HERE}.import_:import_", "Read a job set from such a file."),
    },
    "Local cluster": {
        "up": Entry(f"{_HERE}.up:up", "Start a store, workers and a watcher on this machine."),
        "down": Entry(f"{_HERE}.down:down", "Stop them; the data stay."),
        "status": Entry(f"{_HERE}.status:status", "Show what runs."),
    },
    "Operation": {
        "doctor": Entry(f"{_HERE}.doctor:doctor", "Check server, workers and installation."),
        "worker": Entry(f"{_HERE}.processes:worker", "Run a worker, beside a provider."),
        "watcher": Entry(f"{_HERE}.processes:watcher", "Run a watcher: polling and recovery."),
        "bench": Entry(
            "jobset_bench.command:bench",
            "Compare with plain Celery, Dask and direct Aer.",
            extra="bench",
        ),
    },
}


class JobsetGroup(click.Group):
    """Prints its commands in sections, and turns errors into messages and exit codes."""

    def __call__(self, args: Sequence[str] | None = None, **extra: Any) -> Any:
        """Run as the program ``jobset``."""
        # A name that the terminal's encoding lacks must not end a listing.
        for stream in (sys.stdout, sys.stderr):
            getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
        logging.basicConfig(level=logging.WARNING, format="Note: %(message)s")
        return self.main(args, prog_name="jobset", **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except JobSetError as error:
            raise failed(error, debug=ctx.params["debug"]) from error
        except KeyboardInterrupt as error:
            raise CommandFailed("Interrupted.", ExitCode.INTERRUPTED) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them."""
        del ctx
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the exit codes mean."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), text) for code, text in MEANINGS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"jobset {installed('jobset') or 'unknown'}")
        ctx.exit()


@click.group(
    cls=JobsetGroup,
    commands=LazyCommands(
        {name: entry for entries in SECTIONS.values() for name, entry in entries.items()}
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--url",
    envvar="JOBSET_URL",
    metavar="URL",
    help="The store, such as redis://host:6379/0 (JOBSET_URL).  By default a local cluster, "
    "which is started where that is needed.",
)
@click.option(
    "--debug", is_flag=True, envvar="JOBSET_DEBUG", help="Show tracebacks (JOBSET_DEBUG)."
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def main(ctx: click.Context, url: str | None, debug: bool) -> None:
    """Run large lists of quantum circuits as one job set.

    Where a command asks for ID, give a job set's id, the beginning of one, or its name.
    Tables and JSON go to standard output, all other words to standard error.
    """
    del debug  # read by invoke
    if ctx.obj is None:
        from jobset_client.cli.access import Access  # noqa: PLC0415  (--help needs no store)

        ctx.obj = Access(url)
