"""``jobset show``."""

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.attention import attention_lines
from jobset_client.cli.chunk_table import print_chunks
from jobset_client.cli.output import print_json, say
from jobset_client.cli.records import chunk_document, set_document, shown_options
from jobset_client.cli.references import find_set
from jobset_client.cli.text import age, plural, safe, safe_lines
from jobset_client.layout import ChunkLayout
from jobset_client.report import set_report
from jobset_protocol.messages import SetRecord

_ROWS = 20


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--all", "every", is_flag=True, help=f"Show all chunks, not {_ROWS} at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all chunks.")
@pass_access
def show(access: Access, reference: str, every: bool, as_json: bool) -> None:
    """Report on one job set: its summary, its chunks, and why any of them failed.

    It also tells what to do about uncertain chunks, and which jobs the provider has beside those
    that count.
    """
    with access.store() as store:
        record = find_set(store, reference)
        counts = store.counts(record.set_id)
        chunks = store.chunks(ChunkLayout(record).keys)
    if as_json:
        chunk_documents = [chunk_document(record, chunk) for chunk in chunks]
        print_json({**set_document(record, counts), "chunk_list": chunk_documents})
        return
    click.echo(safe_lines(set_report(record, counts, None)))
    click.echo(f"\n{_description(record)}\n")
    limit = None if every else _ROWS
    left_out = print_chunks(record, chunks, limit=limit)
    if left_out:
        say(f"… and {plural(left_out, 'chunk')} more: `jobset show --all` lists all.")
    for line in attention_lines(chunks, limit=limit):
        click.echo(line)


def _description(record: SetRecord) -> str:
    circuits = plural(record.circuit_count, "circuit")
    options = ", ".join(f"{name}={value!r}" for name, value in shown_options(record).items())
    parts = [
        f"{circuits} on {safe(record.backend)}, submitted by {safe(record.owner)} "
        f"{age(record.created_at)}",
        f"options: {safe(options)}" if options else "no options",
    ]
    return "; ".join(parts + (["cancelled"] if record.cancelled else []))
