"""Put the results of all chunks together into what one unsplit run would have returned."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

_COMPLETED = "COMPLETED"
_PARTIAL = "PARTIAL COMPLETED"


def missing_experiments(names: Sequence[str], reason: str) -> list[ExperimentResult]:
    """Return what stands for a chunk without a result, so that all others keep their place."""
    return [
        ExperimentResult(
            shots=0,
            success=False,
            data=ExperimentResultData(),
            status=reason,
            header={"name": name},
        )
        for name in names
    ]


def combined_result(
    chunks: Sequence[Result | list[ExperimentResult]], *, job_id: str, backend_name: str
) -> Result:
    """Return one result over all chunks, in their order.

    What describes the run as a whole is kept where all chunks agree on it; ``time_taken`` is
    the sum.

    Args:
        chunks: Each chunk's own result, which the new one takes over; or the experiments that
            stand for a missing one.
        job_id: Of the whole.
        backend_name: Used where no chunk has a result.
    """
    results = [chunk for chunk in chunks if isinstance(chunk, Result)]
    first = results[0] if results else Result(backend_name=backend_name)
    success = len(results) == len(chunks) and all(result.success for result in results)
    return Result(
        backend_name=first.backend_name,
        backend_version=first.backend_version,
        job_id=job_id,
        success=success,
        results=list(_experiments(chunks)),
        date=results[-1].date if results else None,
        status=_COMPLETED if success else _PARTIAL,
        header=first.header,
        **_whole_run([result._metadata for result in results]),
    )


def _experiments(chunks: Sequence[Result | list[ExperimentResult]]) -> Iterator[ExperimentResult]:
    for chunk in chunks:
        yield from chunk.results if isinstance(chunk, Result) else chunk


def _whole_run(extras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put together what a provider adds to a result beyond qiskit's own fields."""
    kept = _agreed(extras)
    metadata = [extra.get("metadata") for extra in extras]
    if metadata and all(isinstance(entry, Mapping) for entry in metadata):
        kept["metadata"] = _agreed(metadata)
    times = [extra.get("time_taken") for extra in extras]
    if times and all(isinstance(seconds, int | float) for seconds in times):
        kept["time_taken"] = sum(times)
    return kept


def _agreed(mappings: Sequence[Any]) -> dict[str, Any]:
    """Return the entries that are equal in all mappings.

    >>> _agreed([{"a": 1, "b": 2}, {"a": 1, "b": 3}])
    {'a': 1}
    """
    if not mappings:
        return {}
    first, *others = mappings
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _equal(other[name], value) for other in others)
    }


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        has_nan = one.dtype.kind in "fc"
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=has_nan)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
