"""``jobset export``."""

from pathlib import Path

import click

from jobset_client.archive import export_set
from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.errors import CommandFailed, ExitCode
from jobset_client.cli.output import say
from jobset_client.cli.references import find_set
from jobset_client.cli.text import plural, safe, short_id


@click.command()
@click.argument("reference", metavar="ID")
@click.argument(
    "path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), required=False
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_access
def export(access: Access, reference: str, path: Path | None, force: bool) -> None:
    """Write a job set to one file: circuits, results, errors, names, times.

    `jobset import FILE` reads it into this or another store.  Without FILE, it is named after the
    job set's id.  The job set must be at its end, and stays as it is.
    """
    with access.store() as store:
        record = find_set(store, reference)
        target = path or Path(f"{short_id(record.set_id)}.zip")
        if target.exists() and not force:
            raise CommandFailed(f"{safe(target)} exists: add --force to replace it", ExitCode.USAGE)
        export_set(store, record, target)
    size = plural(target.stat().st_size, "byte")
    say(f"{safe(record.name)}: {plural(record.circuit_count, 'circuit')} in {size}.")
    click.echo(safe(target))
