"""``jobset resolve``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.output import print_json, say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import plural, safe, short_id


@click.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--job",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only this job, by the number that `jobset show` gives it.  [default: all uncertain ones]",
)
@click.option(
    "--job-id", metavar="JOB", help="There is a job, and this is the provider's id of it."
)
@click.option("--resubmit", is_flag=True, help="There is no job: submit the circuits again.")
@click.option("--give-up", is_flag=True, help="Nobody will find out: let it count as failed.")
@click.option("--json", "as_json", is_flag=True, help="Print the chunks' indices as JSON.")
@pass_access
def resolve(
    access: Access,
    reference: str,
    job: int | None,
    job_id: str | None,
    resubmit: bool,
    give_up: bool,
    as_json: bool,
) -> None:
    """Say what became of uncertain chunks, whose job the provider may or may not have.

    `jobset show` tells the tag of each.  Look for it in the provider's own list of jobs, then give
    one of --job-id, --resubmit and --give-up.
    """
    if sum((job_id is not None, resubmit, give_up)) != 1:
        raise click.UsageError("Give one of --job-id, --resubmit and --give-up.")
    if job_id is not None and job is None:
        raise click.UsageError("A job's id is that of one job: say which with --job N.")
    with access.manager() as manager, access.store() as store:
        job_set = manager.retrieve_job_set(find_set(store, reference).set_id)
        resolved = job_set.resolve(job, job_id=job_id, resubmit=resubmit, give_up=give_up)
        indices = [managed_job.view.key.index for managed_job in resolved]
    if as_json:
        print_json(indices)
    if not indices:
        say(f"{safe(job_set.name())}: no chunk is uncertain.")
        return
    chunks = f"{safe(job_set.name())}: {plural(len(indices), 'chunk')}"
    if give_up:
        say(f"{chunks} given up.")
        return
    name = short_id(job_set.job_set_id())
    done = "queued again" if resubmit else f"attached to job {safe(job_id or '')}"
    say(f"{chunks} {done}.  `jobset watch {name}` follows.")
