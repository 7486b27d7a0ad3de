"""``jobset prune``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.confirmation import confirm, yes_option
from jobset_client.cli.moments import Length
from jobset_client.cli.output import Rows, print_json, say
from jobset_client.cli.text import age, plural, short_id
from jobset_protocol.messages import SetRecord
from jobset_protocol.set_status import SetStatus


@click.command()
@click.argument("older_than", metavar="AGE", type=Length())
@click.option(
    "--status",
    type=click.Choice([status.value for status in SetStatus]),
    help="Only job sets that are so.",
)
@click.option("--dry-run", is_flag=True, help="List them, and delete nothing.")
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print the job sets' ids as JSON.")
@pass_access
def prune(
    access: Access,
    older_than: float,
    status: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the job sets that ended longer than AGE ago, such as 12h, 30d or 8w.

    What is not at its end stays, however old.  `run(…, retention_seconds=…)` deletes a job set by
    itself.
    """
    with access.manager() as manager:
        found = manager.prune(older_than, status=status, dry_run=True)
        if found and not as_json:
            _print_table(found)
        if not dry_run and found:
            confirm(f"{plural(len(found), 'job set')} will be deleted.  Go on?", yes=yes)
            found = manager.prune(older_than, status=status)
    if as_json:
        print_json([record.set_id for record in found])
    verb = "would be" if dry_run else "is" if len(found) == 1 else "are"
    say(f"{plural(len(found), 'job set')} {verb} deleted." if found else "No job set is that old.")


def _print_table(records: list[SetRecord]) -> None:
    rows = Rows("ID", "~NAME", "BACKEND", ">CIRCUITS", "ENDED")
    for record in records:
        rows.add(
            short_id(record.set_id),
            record.name,
            record.backend,
            f"{record.circuit_count:,}",
            age(record.finished_at),
        )
    rows.print()
