"""``jobset results``."""

from pathlib import Path
from typing import Any

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.errors import ExitCode
from jobset_client.cli.experiments import experiment_document
from jobset_client.cli.following import follow
from jobset_client.cli.histogram import histogram, summary
from jobset_client.cli.outcome import Outcome
from jobset_client.cli.output import Rows, print_json, say
from jobset_client.cli.references import find_set
from jobset_client.cli.row_files import ROW_FORMATS, require_output, write_rows
from jobset_client.cli.text import plural, safe
from jobset_client.managed_job_set import ManagedJobSet
from jobset_client.managed_results import ManagedResults
from jobset_protocol.errors import CircuitNotFoundError, JobSetTimeoutError
from jobset_protocol.messages import SetRecord
from jobset_protocol.store import Store

_ROWS = 20


@click.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="csv and parquet have a row for each outcome of each circuit.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write csv or parquet there; csv goes to standard output by default.",
)
@click.option("--circuit", metavar="NAME|INDEX", help="Only this circuit, with a histogram.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Most circuits.  [default: {_ROWS} in a table, all elsewhere]",
)
@click.option("--partial", is_flag=True, help="Take what is there when the time is up, or now.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    help="Seconds to wait at most.  [default: no limit; 0 with --partial]",
)
@pass_access
def results(
    access: Access,
    reference: str,
    form: str,
    output: Path | None,
    circuit: str | None,
    limit: int | None,
    partial: bool,
    timeout: float | None,
) -> None:
    """Wait for a job set's end, and print the results of its circuits.

    The exit code is 1 when some circuits have no result because their chunk failed.
    """
    require_output(form, output)
    with access.store() as store:
        job_set = ManagedJobSet.over(store, find_set(store, reference))
        index = None if circuit is None else _circuit_index(job_set, circuit)
        _await_end(store, job_set.record, partial=partial, timeout=timeout)
        found = job_set.results(timeout=0, partial=True)
        wanted = range(job_set.layout.circuit_count) if index is None else range(index, index + 1)
        shown = wanted[: limit or (_ROWS if form == "table" else None)]
        is_rows = form in ROW_FORMATS
        documents = [] if is_rows else [experiment_document(job_set, found, i) for i in shown]
        if is_rows:
            write_rows((row for row in found.to_rows() if row["circuit"] in shown), form, output)
        ended = all(status.is_final for status in job_set.chunk_statuses())
    if form == "json":
        print_json(_document(job_set, found, documents))
    elif circuit is not None and not is_rows:
        _print_histogram(documents[0])
    elif not is_rows:
        _print_table(documents)
    _print_rest(len(wanted) - len(shown), found, ended)
    click.get_current_context().exit(ExitCode.OK if found.success or not ended else ExitCode.FAILED)


def _await_end(store: Store, record: SetRecord, *, partial: bool, timeout: float | None) -> None:
    takes_what_is_there = partial and not timeout
    if takes_what_is_there or Outcome.of(store.counts(record.set_id)).is_final:
        return
    try:
        follow(store, record, timeout=timeout)
    except JobSetTimeoutError:
        if not partial:
            raise


def _circuit_index(job_set: ManagedJobSet, circuit: str) -> int:
    """Return the index of a circuit that is called by its name or its index."""
    try:
        chunk_index, offset = job_set.locate(circuit)
    except CircuitNotFoundError:
        # A circuit may be named "7", so an index is what no name is.
        if not circuit.removeprefix("-").isdecimal():
            raise
        chunk_index, offset = job_set.locate(int(circuit))
    return job_set.layout.circuits_of(chunk_index).start + offset


def _document(
    job_set: ManagedJobSet, found: ManagedResults, documents: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": job_set.job_set_id(),
        "name": job_set.name(),
        "backend": found.backend_name,
        "success": found.success,
        "circuits": job_set.layout.circuit_count,
        "results": documents,
    }


def _print_table(documents: list[dict[str, Any]]) -> None:
    rows = Rows(">CIRCUIT", "NAME", ">SHOTS", "~RESULT")
    for document in documents:
        if not document["success"]:
            rows.add(document["index"], document["name"], "", document["error"], style="red")
            continue
        counts = document["counts"]
        text = summary(counts) if counts else f"data: {', '.join(document['data']) or 'none'}"
        rows.add(document["index"], document["name"], document["shots"], text)
    rows.print()


def _print_histogram(document: dict[str, Any]) -> None:
    title = f"{safe(document['name'])} (circuit {document['index']})"
    if not document["success"]:
        click.echo(f"{title}: {safe(document['error'])}")
        return
    click.echo(f"{title}, {plural(document['shots'], 'shot')}")
    for line in histogram(document["counts"]):
        click.echo(line)
    if document["data"]:
        say(f"Other data, with --format json: {safe(', '.join(document['data']))}.")


def _print_rest(left_out: int, found: ManagedResults, ended: bool) -> None:
    if left_out:
        say(f"… and {plural(left_out, 'circuit')} more: --limit, --circuit or --format json.")
    if not ended:
        say("The job set is not at its end: these are the results until now.")
    elif not found.success:
        say("Not every circuit has a result: `jobset show` says why.")
