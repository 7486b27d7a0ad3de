"""``jobset backends``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

import click

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.output import Rows, print_json, say
from jobset_protocol.messages import WorkerRecord


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def backends(access: Access, as_json: bool) -> None:
    """List the backends that workers have announced, and how many workers serve each now."""
    with access.store() as store:
        specs = sorted(store.backends().items())
        serving = _serving(store.workers())
    if as_json:
        print_json([{**asdict(spec), "workers": serving[alias]} for alias, spec in specs])
        return
    if not specs:
        say("No worker has announced a backend yet: start one with `jobset worker`.")
        return
    rows = Rows(
        "BACKEND", "PROVIDER", "KIND", ">WORKERS", ">QUBITS", ">MAX CIRCUITS", ">MAX SHOTS",
        ">MAX EXECUTIONS", ">MAX BYTES", ">MAX PENDING", "PRICES", "~DESCRIPTION",
    )  # fmt: skip
    for alias, spec in specs:
        limits = (
            spec.num_qubits,
            spec.max_circuits,
            spec.max_shots,
            spec.max_executions,
            spec.max_bytes,
            spec.max_pending,
        )
        rows.add(
            alias,
            spec.provider,
            "local" if spec.local else "remote",
            serving[alias],
            # A limit that no backend has gets no column.
            *("" if limit is None else f"{limit:,}" for limit in limits),
            _prices(spec.prices),
            spec.description,
            style="" if serving[alias] else "dim",
        )
    rows.print()


def _prices(prices: Mapping[str, float | str]) -> str:
    """Return what a job costs, in one cell.

    >>> _prices({"job": 0.3, "shot": 0.00035, "currency": "USD"})
    '0.3 a job + 0.00035 a shot USD'
    """
    units = [f"{price:.6g} a {unit}" for unit, price in prices.items() if unit != "currency"]
    return f"{' + '.join(units)} {prices.get('currency', '')}".strip()


def _serving(alive: list[WorkerRecord]) -> Counter[str]:
    return Counter(
        alias for record in alive if record.role == "worker" for alias in record.backends
    )
