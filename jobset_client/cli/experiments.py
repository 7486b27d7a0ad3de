"""One circuit's result as a JSON document."""

from typing import Any

import numpy as np

from jobset_client.managed_job_set import ManagedJobSet
from jobset_client.managed_results import ManagedResults
from jobset_protocol.errors import ResultNotAvailableError


def experiment_document(
    job_set: ManagedJobSet, results: ManagedResults, index: int
) -> dict[str, Any]:
    """Describe a circuit's result.

    ``counts`` has outcomes as bit strings; ``memory``, if it was asked for, too.  Whatever else
    there is, such as a statevector, is under ``data``; a complex number is ``[real, imaginary]``.
    """
    document: dict[str, Any] = {"index": index, "name": job_set.circuit_names()[index]}
    try:
        data = results.data(index)
    except ResultNotAvailableError as error:
        return document | {"success": False, "error": str(error), "counts": {}, "data": {}}
    counts = dict(results.get_counts(index)) if "counts" in data else {}
    document |= {"success": True, "shots": sum(counts.values()), "counts": counts}
    if "memory" in data:
        document["memory"] = list(results.get_memory(index))
    others = {name: value for name, value in data.items() if name not in ("counts", "memory")}
    return document | {"data": plain(others)}


def plain(value: Any) -> Any:
    """Return a value as JSON can say it.

    >>> plain({"state": np.array([1j, 0.5])})
    {'state': [[0.0, 1.0], [0.5, 0.0]]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, complex | np.complexfloating):
        return [float(value.real), float(value.imag)]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    # Quantum objects of qiskit know their array.
    if hasattr(value, "__array__"):
        return plain(np.asarray(value))
    return value if isinstance(value, str | int | float | bool | None) else str(value)
