"""``jobset delete``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.confirmation import confirm, yes_option
from jobset_client.cli.output import print_json, say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import plural, safe, short_id
from jobset_client.deleting import delete_set
from jobset_protocol.messages import SetRecord


@click.command()
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Cancel what is not final, and delete it, too.")
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print the deleted sets' ids as JSON.")
@pass_access
def delete(
    access: Access, references: tuple[str, ...], force: bool, yes: bool, as_json: bool
) -> None:
    """Delete job sets with all that belongs to them: circuits, results, history.

    There is no way back, except from a file that `jobset export` wrote before.  A job set that is
    still running is refused: wait for its end, or add --force.
    """
    with access.store() as store:
        records = {
            record.set_id: record for record in (find_set(store, each) for each in references)
        }
        confirm(f"{_described(list(records.values()))} will be deleted.  Go on?", yes=yes)
        for record in records.values():
            delete_set(store, record.set_id, force=force)
            say(f"{safe(record.name)} ({short_id(record.set_id)}) is deleted.")
    if as_json:
        print_json(list(records))


def _described(records: list[SetRecord]) -> str:
    if len(records) > 1:
        return plural(len(records), "job set")
    [record] = records
    circuits = plural(record.circuit_count, "circuit")
    return f"{safe(record.name)} ({short_id(record.set_id)}, {circuits})"
