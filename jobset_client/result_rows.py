"""Results as rows, one for each outcome of each circuit: for pandas, Parquet, or a CSV file.

Rows are made chunk by chunk, so that a large set never has all its results decoded at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobset_client.archive import replaced_file
from jobset_client.chunk_view import job_id
from jobset_protocol.errors import ConfigurationError, ResultNotAvailableError

if TYPE_CHECKING:
    import pandas as pd

    from jobset_client.managed_job_set import ManagedJobSet
    from jobset_client.managed_results import ManagedResults

COLUMNS = (
    "circuit",
    "name",
    "chunk",
    "job_id",
    "outcome",
    "count",
    "shots",
    "success",
    "error",
)
_NUMBERS = ("circuit", "chunk", "count", "shots")
_ROWS_PER_GROUP = 100_000


def result_rows(job_set: "ManagedJobSet", results: "ManagedResults") -> Iterator[dict[str, Any]]:
    """Yield a row for each outcome of each circuit, in the order of the set.

    A circuit without counts has one row: of a failed one ``error`` says why, and of one that
    returned other data, such as a statevector, ``outcome`` and ``count`` are ``None``.
    """
    names = job_set.circuit_names()
    jobs = {record.key.index: job_id(record) for record in job_set.chunk_records()}
    for chunk_index, circuits in job_set.layout:
        for circuit in circuits:
            shared = {
                "circuit": circuit,
                "name": names[circuit],
                "chunk": chunk_index,
                "job_id": jobs[chunk_index],
            }
            yield from _rows_of(results, circuit, shared)


def data_frame(rows: Iterator[dict[str, Any]]) -> "pd.DataFrame":
    """Return the rows as a table of pandas.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise _missing("pandas") from error
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(_NUMBERS, "Int64") | {"success": "bool"})


def write_parquet(rows: Iterator[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Write the rows to a Parquet file, which appears when it is complete.

    Raises:
        ConfigurationError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  (an extra)
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise _missing("pyarrow") from error
    kinds = {name: pa.int64() for name in _NUMBERS} | {"success": pa.bool_()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    with (
        replaced_file(Path(path)) as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _rows_of(
    results: "ManagedResults", circuit: int, shared: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    try:
        has_counts = "counts" in results.data(circuit)
    except ResultNotAvailableError as error:
        yield _row(shared, success=False, error=str(error))
        return
    counts = dict(results.get_counts(circuit)) if has_counts else {}
    if not counts:
        yield _row(shared)
    shots = sum(counts.values())
    for outcome, count in counts.items():
        yield _row(shared, outcome=outcome, count=count, shots=shots)


def _row(
    shared: dict[str, Any],
    *,
    outcome: str | None = None,
    count: int | None = None,
    shots: int | None = None,
    success: bool = True,
    error: str | None = None,
) -> dict[str, Any]:
    return shared | {
        "outcome": outcome,
        "count": count,
        "shots": shots,
        "success": success,
        "error": error,
    }


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == _ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


def _missing(package: str) -> ConfigurationError:
    return ConfigurationError(
        f"this needs {package}, which is not installed: pip install 'jobset[pandas]'"
    )
