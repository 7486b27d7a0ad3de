"""``jobset watch``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.following import follow, say_reasons
from jobset_client.cli.output import say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import safe


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds to wait at most.")
@pass_access
def watch(access: Access, reference: str, timeout: float | None) -> None:
    """Follow a job set to its end; the exit code tells how it ended.

    Ctrl-C ends the watching, not the job set.
    """
    with access.store() as store:
        record = find_set(store, reference)
        outcome = follow(store, record, timeout=timeout)
        say(f"{safe(record.name)}: {outcome.text}.")
        say_reasons(store, record)
    click.get_current_context().exit(outcome.exit_code)
