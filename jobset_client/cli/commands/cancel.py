"""``jobset cancel``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.outcome import Outcome
from jobset_client.cli.output import say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import plural, safe
from jobset_protocol.statuses import ChunkStatus


@click.command()
@click.argument("reference", metavar="ID")
@pass_access
def cancel(access: Access, reference: str) -> None:
    """Cancel what is left of a job set; what has ended stays as it is."""
    with access.store() as store:
        record = find_set(store, reference)
        before = store.counts(record.set_id)
        if Outcome.of(before).is_final:
            say(f"{safe(record.name)}: {Outcome.of(before).text}; nothing is left to cancel.")
            return
        held = store.cancel_set(record.set_id)
        after = store.counts(record.set_id)
    cancelled = after.get(ChunkStatus.CANCELLED, 0) - before.get(ChunkStatus.CANCELLED, 0)
    say(f"{safe(record.name)}: cancelled {plural(cancelled, 'chunk')} in the queue.")
    if held:
        say(
            f"{plural(len(held), 'chunk')} had left it: one at a provider is cancelled where the "
            "provider can, one that runs in a worker runs to its end."
        )
