"""``jobset run``."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from qiskit import QuantumCircuit

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.circuit_files import read_circuits
from jobset_client.cli.errors import ExitCode
from jobset_client.cli.following import follow, say_reasons
from jobset_client.cli.output import print_json, say
from jobset_client.cli.records import set_document
from jobset_client.cli.text import plural, safe, short_id
from jobset_client.job_manager import JobManager
from jobset_client.validation import MOST_LABEL_CHARACTERS
from jobset_protocol.messages import SetRecord
from jobset_protocol.store import Store

_RESERVED = frozenset(inspect.signature(JobManager.run).parameters) - {"run_config"} | {
    "parameter_binds"
}
"""What cannot be an option: ``run`` has an argument of that name, or it holds Python objects."""


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--backend", default="aer", show_default=True, metavar="ALIAS", help="See `jobset backends`."
)
@click.option("--shots", type=click.IntRange(min=1), help="Shots of each circuit.")
@click.option("--name", help="Of the job set; by default the file's, or the time.")
@click.option("--tag", "tags", multiple=True, help="May be given more than once.")
@click.option(
    "--chunk-size",
    type=click.IntRange(min=1),
    help="Most circuits in a chunk; the backend's own limit by default, or else 100.",
)
@click.option("--seed", type=int, help="The simulator's seed (the option seed_simulator).")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another option for the backend; the value is JSON, or else text.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Follow the job set to its end, or leave it to itself.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the job set as JSON.")
@pass_access
def run(
    access: Access,
    files: tuple[Path, ...],
    backend: str,
    shots: int | None,
    name: str | None,
    tags: tuple[str, ...],
    chunk_size: int | None,
    seed: int | None,
    options: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> None:
    """Run the circuits of files as one job set, in the order of the files.

    A FILE is OpenQASM 2, OpenQASM 3 (needs the extra jobset[qasm3]) or QPY, which may hold many
    circuits.  A circuit without a name of its own is named after its file.  The job set's id is
    printed to standard output.
    """
    run_options = _run_options(options, shots=shots, seed_simulator=seed)
    circuits = [circuit for path in files for circuit in read_circuits(path)]
    _warn_of_unmeasured(circuits)
    with access.manager() as manager:
        record = manager.run(
            circuits,
            backend,
            name=_default_name(files) if name is None else name,
            max_experiments_per_job=chunk_size,
            job_tags=tags,
            **run_options,
        ).record
    if not as_json:
        click.echo(record.set_id)
    say(_sent(record))
    with access.store() as store:
        code = _see_off(store, record, wait=wait)
        if as_json:
            print_json(set_document(record, store.counts(record.set_id)))
    click.get_current_context().exit(code)


def _see_off(store: Store, record: SetRecord, *, wait: bool) -> ExitCode:
    """Follow the set to its end, if that is wanted, and say what can be done next."""
    short = short_id(record.set_id)
    if not wait:
        say(f"Follow it with `jobset watch {short}`.")
        return ExitCode.OK
    outcome = follow(store, record)
    next_step = "results" if outcome.word == "done" else "show"
    say(f"{outcome.text.capitalize()}.  See `jobset {next_step} {short}`.")
    say_reasons(store, record)
    return outcome.exit_code


def _sent(record: SetRecord) -> str:
    circuits = plural(record.circuit_count, "circuit")
    chunks = plural(record.chunk_count, "chunk")
    return f"Job set {safe(record.name)!r}: {circuits} in {chunks} on {safe(record.backend)}."


def _default_name(files: tuple[Path, ...]) -> str | None:
    """Return the name of a single file, if it can be that of a job set."""
    stem = files[0].stem
    fits = stem.isprintable() and stem.strip() and len(stem) <= MOST_LABEL_CHARACTERS
    return stem if len(files) == 1 and fits else None


def _run_options(options: tuple[str, ...], **named: int | None) -> Mapping[str, Any]:
    """Put ``KEY=VALUE`` options and those with a flag of their own together."""
    found: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{safe(option)!r} is not KEY=VALUE", param_hint="--option")
        if key in found:
            raise click.BadParameter(f"{key} is given twice", param_hint="--option")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    reserved = _RESERVED.intersection(found)
    if reserved:
        raise click.BadParameter(f"{', '.join(sorted(reserved))}: see the other options of run")
    return found


def _warn_of_unmeasured(circuits: list[QuantumCircuit]) -> None:
    unmeasured = [circuit.name for circuit in circuits if circuit.num_clbits == 0]
    if unmeasured:
        say(
            f"Note: {plural(len(unmeasured), 'circuit')} without classical bits, such as "
            f"{safe(unmeasured[0])!r}, cannot have counts: nothing is measured."
        )
