"""``jobset retry``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.output import print_json, say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import plural, safe, short_id
from jobset_protocol.errors import FailureKind


@click.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in FailureKind]),
    multiple=True,
    help="Only failures of this kind; may be given several times.  [default: all]",
)
@click.option("--cancelled", is_flag=True, help="Also what was cancelled.")
@click.option("--json", "as_json", is_flag=True, help="Print the chunks' indices as JSON.")
@pass_access
def retry(
    access: Access, reference: str, kinds: tuple[str, ...], cancelled: bool, as_json: bool
) -> None:
    """Try again what failed in a job set, and only that; what is done stays done.

    `jobset show` tells why chunks failed, and of which kind each failure is.  A chunk of which
    nobody knows whether its provider has the job is left alone.
    """
    with access.manager() as manager, access.store() as store:
        job_set = manager.retrieve_job_set(find_set(store, reference).set_id)
        managed_jobs = job_set.retry(kinds=kinds or None, include_cancelled=cancelled)
        indices = [managed_job.view.key.index for managed_job in managed_jobs]
    if as_json:
        print_json(indices)
    if not indices:
        say(f"{safe(job_set.name())}: there is nothing to try again.")
        return
    name = short_id(job_set.job_set_id())
    say(
        f"{safe(job_set.name())}: {plural(len(indices), 'chunk')} queued again.  "
        f"`jobset watch {name}` follows them."
    )
