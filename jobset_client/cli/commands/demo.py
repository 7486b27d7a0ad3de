"""``jobset demo``."""

import contextlib
import math
import random
import time

import click
from qiskit import QuantumCircuit

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.chunk_table import print_chunks
from jobset_client.cli.following import follow
from jobset_client.cli.histogram import histogram
from jobset_client.cli.output import say
from jobset_client.cli.text import plural, safe_lines, short_id
from jobset_client.cluster import LocalCluster
from jobset_client.managed_job_set import ManagedJobSet

_QUBITS = 5
_SHOTS = 1024
_SEED = 7
_CHUNK_ROWS = 5


@click.command()
@click.option("--circuits", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--chunk-size", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Worker processes, unless a cluster runs already.",
)
@click.option("--keep", is_flag=True, help="Leave the local cluster running.")
@pass_access
def demo(access: Access, circuits: int, chunk_size: int, workers: int, keep: bool) -> None:
    """Run five-qubit circuits through worker processes on this machine, and look at them.

    A local cluster that the demo starts is stopped at its end; its data stay.
    """
    with contextlib.ExitStack() as stack:
        if access.url is None:
            _start_cluster(stack, workers, keep=keep)
        manager = stack.enter_context(access.manager())
        started = time.monotonic()
        job_set = manager.run(
            demo_circuits(circuits),
            "aer",
            name="demo",
            max_experiments_per_job=chunk_size,
            shots=_SHOTS,
            seed_simulator=_SEED,
        )
        chunks = plural(len(job_set.layout), "chunk")
        say(f"Running {plural(circuits, 'circuit')} of {_QUBITS} qubits in {chunks} on aer.")
        store = stack.enter_context(access.store())
        outcome = follow(store, job_set.record)
        seconds = time.monotonic() - started
        _print_report(job_set)
        _print_histogram(job_set)
    rate = f"{circuits / seconds:,.0f} circuits a second"
    click.echo(f"\n{plural(circuits, 'circuit')} in {seconds:.1f} s: {rate}.  Try next:\n")
    _print_next_steps(job_set, local=access.url is None)
    click.get_current_context().exit(outcome.exit_code)


def demo_circuits(count: int) -> list[QuantumCircuit]:
    """Return GHZ states whose qubits are then turned a little, each circuit otherwise."""
    angles = random.Random(_SEED)
    made = []
    for index in range(count):
        circuit = QuantumCircuit(_QUBITS, name=f"ghz_{index}")
        circuit.h(0)
        for qubit in range(_QUBITS - 1):
            circuit.cx(qubit, qubit + 1)
        for qubit in range(_QUBITS):
            circuit.ry(angles.uniform(0, math.pi / 4), qubit)
        circuit.measure_all()
        made.append(circuit)
    return made


def _start_cluster(stack: contextlib.ExitStack, workers: int, *, keep: bool) -> None:
    cluster = LocalCluster()
    if not cluster.status().running:
        cluster = LocalCluster(workers)
        processes = plural(workers, "worker process", "worker processes")
        say(f"Starting a local cluster with {processes}.")
    cluster.start()
    if cluster.started and not keep:
        stack.callback(cluster.stop)


def _print_report(job_set: ManagedJobSet) -> None:
    click.echo(safe_lines(job_set.report(detailed=False)) + "\n")
    left_out = print_chunks(job_set.record, job_set.chunk_records(), limit=_CHUNK_ROWS)
    if left_out:
        click.echo(f"… and {plural(left_out, 'chunk')} more")


def _print_histogram(job_set: ManagedJobSet) -> None:
    index = job_set.layout.circuit_count // 2
    name = job_set.circuit_names()[index]
    counts = job_set.results().get_counts(index)
    assert isinstance(counts, dict)
    click.echo(f"\nCounts of {name}, the {_SHOTS} shots of one circuit:\n")
    for line in histogram(counts, most=10):
        click.echo(line)


def _print_next_steps(job_set: ManagedJobSet, *, local: bool) -> None:
    short = short_id(job_set.job_set_id())
    steps = [("jobset ls", "list job sets"), (f"jobset show {short}", "every chunk of this one")]
    if local:
        steps.append(("jobset down", "stop the local cluster, which the others start again"))
    for command, what in steps:
        click.echo(f"  {command:<26}# {what}")
