"""``jobset ls``."""

import click
from rich.text import Text

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.outcome import Outcome
from jobset_client.cli.output import Rows, print_json, say
from jobset_client.cli.records import set_document
from jobset_client.cli.text import age, short_id


@click.command()
@click.option("--name", help="Only job sets with this name.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most job sets."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def ls(access: Access, name: str | None, limit: int, as_json: bool) -> None:
    """List job sets, the newest first."""
    with access.store() as store:
        # One more than is shown tells whether there are more.
        found = store.find_sets(name=name, limit=limit + 1)
        records = [(record, store.counts(record.set_id)) for record in found[:limit]]
    if as_json:
        print_json([set_document(record, counts) for record, counts in records])
        return
    if not records:
        say("There are no job sets" + (" of this name." if name else " yet: try `jobset demo`."))
        return
    rows = Rows("ID", "~NAME", "BACKEND", ">CIRCUITS", ">CHUNKS", "STATUS", "CREATED")
    for record, counts in records:
        outcome = Outcome.of(counts)
        rows.add(
            short_id(record.set_id),
            record.name,
            record.backend,
            f"{record.circuit_count:,}",
            f"{outcome.ended}/{outcome.chunks}",
            Text(outcome.word, style=outcome.style),
            age(record.created_at),
        )
    rows.print()
    if len(found) > limit:
        say(f"There are more: `jobset ls --limit {5 * limit}`.")
