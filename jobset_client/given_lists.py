"""Circuits in lists that are jobs already: what ``ManagedJobSet.run`` is given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit

from jobset_client import validation
from jobset_client.chunking import chunk_size
from jobset_client.encoding import ChunkEncoder
from jobset_client.workload import Workload
from jobset_protocol.errors import InvalidExperimentsError, InvalidOptionsError
from jobset_protocol.messages import BackendSpec


def listed_workload(
    experiment_list: object, spec: BackendSpec, run_config: Mapping[str, Any]
) -> Workload:
    """Check lists of circuits and options for a backend; each list becomes one chunk.

    Raises:
        InvalidExperimentsError: No lists, an empty one, one that is too long for the backend, or
            things that are not circuits.
        InvalidOptionsError: An option cannot travel, or exceeds the backend's limits.
    """
    if run_config.get("parameter_binds"):
        raise InvalidOptionsError(
            "parameter_binds cannot be given with lists of circuits: bind them before, with "
            "circuit.assign_parameters(values), or give one list to JobManager.run"
        )
    lists = _lists(experiment_list)
    options = validation.run_options(run_config, spec)
    longest = max(len(circuits) for circuits in lists)
    most = chunk_size(spec, longest, shots=options.get("shots"))
    for position, circuits in enumerate(lists):
        validation.require_fit(circuits, spec)
        if len(circuits) > most:
            raise InvalidExperimentsError(
                f"experiment_list[{position}] holds {len(circuits)} circuits, and backend "
                f"{spec.alias!r} takes {most} in one job: cut it, or let JobManager.run do so"
            )
    return Workload(ChunkEncoder(spec).whole(lists), longest, options)


def _lists(experiment_list: object) -> Sequence[Sequence[QuantumCircuit]]:
    if isinstance(experiment_list, str | bytes | Mapping | QuantumCircuit) or not isinstance(
        experiment_list, Iterable
    ):
        raise InvalidExperimentsError(
            "experiment_list must be a list with a list of circuits for each job, not a "
            f"{type(experiment_list).__name__}"
        )
    lists = []
    for position, circuits in enumerate(experiment_list):
        try:
            lists.append(validation.experiments_list(circuits))
        except InvalidExperimentsError as error:
            raise InvalidExperimentsError(f"experiment_list[{position}]: {error}") from error
    if not lists:
        raise InvalidExperimentsError("there is nothing to run: the experiment_list is empty")
    return lists
