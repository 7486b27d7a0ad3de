"""``jobset ls``."""

import click
from rich.text import Text

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.moments import Moment
from jobset_client.cli.outcome import Outcome
from jobset_client.cli.output import Rows, print_json, say
from jobset_client.cli.records import set_document
from jobset_client.cli.text import age, short_id
from jobset_protocol.set_status import SetStatus


@click.command()
@click.option("--name", help="Only job sets with this name.")
@click.option("--tag", help="Only those with this tag.")
@click.option("--backend", help="Only those on this backend.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in SetStatus]),
    help="Only those that are so.",
)
@click.option("--owner", help="Only those that this person submitted.")
@click.option(
    "--since",
    type=Moment(),
    metavar="TIME",
    help="Only those made since then: 2h or 3d ago, or a date such as 2026-01-31T09:30.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most job sets."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def ls(
    access: Access,
    name: str | None,
    tag: str | None,
    backend: str | None,
    status: str | None,
    owner: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List job sets, the newest first.

    Whatever you still know of a job set finds it again: its name, a tag, its backend, about when
    it was made.  `jobset show ID` then tells more.
    """
    with access.store() as store:
        # One more than is shown tells whether there are more.
        found = store.find_sets(
            name=name,
            tag=tag,
            backend=backend,
            status=None if status is None else SetStatus(status),
            owner=owner,
            since=since,
            limit=limit + 1,
        )
        records = [(record, store.counts(record.set_id)) for record in found[:limit]]
    if as_json:
        print_json([set_document(record, counts) for record, counts in records])
        return
    if not records:
        is_filtered = any(value is not None for value in (name, tag, backend, status, owner, since))
        say("No job set fits." if is_filtered else "There are no job sets yet: try `jobset demo`.")
        return
    rows = Rows("ID", "~NAME", "BACKEND", ">CIRCUITS", ">CHUNKS", "STATUS", "CREATED")
    for record, counts in records:
        outcome = Outcome.of(counts, abandoned=record.abandoned)
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
