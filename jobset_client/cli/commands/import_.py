"""``jobset import``."""

from pathlib import Path

import click

from jobset_client.archive_reader import import_set
from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.output import print_json, say
from jobset_client.cli.records import set_document
from jobset_client.cli.text import plural, safe, short_id


@click.command("import")
@click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def import_(access: Access, path: Path, as_json: bool) -> None:
    """Read a job set from a file that `jobset export` wrote, with its id and all its results.

    Importing it twice changes nothing.  It is kept until it is deleted.
    """
    with access.store() as store:
        record = import_set(store, path)
        counts = store.counts(record.set_id)
    if as_json:
        print_json(set_document(record, counts))
        return
    click.echo(record.set_id)
    circuits = plural(record.circuit_count, "circuit")
    say(f"{safe(record.name)}: {circuits}.  `jobset show {short_id(record.set_id)}` tells more.")
