"""The results of a set, read as if one job had returned them."""

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, Statevector
from qiskit.result import Counts, Result
from qiskit.result.models import ExperimentResult

from jobset_client.chunk_results import ChunkResult
from jobset_client.chunk_view import failure
from jobset_client.combined_result import combined_result, missing_experiments
from jobset_client.counts import counts_at
from jobset_client.experiment_index import Experiment
from jobset_client.result_rows import data_frame, result_rows, write_parquet
from jobset_protocol.errors import ConfigurationError, ResultNotAvailableError
from jobset_protocol.statuses import ChunkStatus

if TYPE_CHECKING:
    import pandas as pd

    from jobset_client.managed_job_set import ManagedJobSet

_SHOWN_CIRCUITS = 10


class ManagedResults:
    """Results of a :class:`~jobset_client.ManagedJobSet`; the methods are those of ``Result``.

    ``experiment`` is a circuit's index in the set (of any integer type, negative ones count from
    the end), its name, or the circuit itself.  Left out, it means the only circuit, or for
    :meth:`get_counts` all of them, as in qiskit.

    Args:
        job_set: The set that the results belong to.
        backend_name: The backend's alias.
        success: Every chunk is done.  If not, some circuits have no data.
        chunk_results: Chunk index → result, as far as there are any.
    """

    def __init__(
        self,
        job_set: "ManagedJobSet",
        backend_name: str,
        success: bool,
        *,
        chunk_results: Mapping[int, ChunkResult],
    ) -> None:
        self._job_set = job_set
        self._chunk_results = chunk_results
        self.backend_name = backend_name
        self.success = success

    def __repr__(self) -> str:
        return (
            f"<ManagedResults of job set {self._job_set.name()!r}: {len(self._chunk_results)} of "
            f"{len(self._job_set.layout)} chunks, success={self.success}>"
        )

    def data(self, experiment: Experiment | None = None) -> dict[str, Any]:
        """Return the raw data of a circuit.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            ResultNotAvailableError: The circuit has no result, or it failed.
        """
        return copy.deepcopy(self._read(Result.data, experiment))

    def get_memory(self, experiment: Experiment | None = None) -> list[str] | np.ndarray:
        """Return a circuit's outcomes, shot by shot.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            ResultNotAvailableError: The circuit has no result or no memory.
        """
        memory: list[str] | np.ndarray = copy.deepcopy(self._read(Result.get_memory, experiment))
        return memory

    def get_counts(self, experiment: Experiment | None = None) -> Counts | list[Counts]:
        """Return a circuit's histogram; without an argument, a list with every circuit's.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            ResultNotAvailableError: The circuit, or one of them, has no result or no counts.
        """
        if experiment is None and self._job_set.layout.circuit_count > 1:
            return [
                self._read_at(counts_at, chunk_index, offset)
                for chunk_index, circuits in self._job_set.layout
                for offset in range(len(circuits))
            ]
        counts: Counts = self._read(counts_at, experiment)
        return counts

    def get_statevector(
        self, experiment: Experiment | None = None, decimals: int | None = None
    ) -> Statevector | np.ndarray:
        """Return a circuit's final state.

        Args:
            experiment: Which circuit.
            decimals: Round to so many decimals.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            ResultNotAvailableError: The circuit has no result or no statevector.
        """
        return copy.deepcopy(self._read(Result.get_statevector, experiment, decimals=decimals))

    def get_unitary(
        self, experiment: Experiment | None = None, decimals: int | None = None
    ) -> Operator | np.ndarray:
        """Return a circuit's unitary.

        Args:
            experiment: Which circuit.
            decimals: Round to so many decimals.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            ResultNotAvailableError: The circuit has no result or no unitary.
        """
        return copy.deepcopy(self._read(Result.get_unitary, experiment, decimals=decimals))

    def combine_results(self, partial: bool = False) -> Result:
        """Return one qiskit ``Result`` over all circuits, as an unsplit run would have.

        The object is new at each call and belongs to the caller.

        Args:
            partial: Put a placeholder where a circuit has no result, so that all others keep
                their place: its experiment has ``success=False`` and a ``status`` that says why.
                Otherwise a missing circuit raises, as in the original: what looks like a whole
                result is one.

        Raises:
            ResultNotAvailableError: Circuits have no result, and ``partial`` is false.
        """
        combined = combined_result(
            [self._own(index) for index in self._job_set.layout.indices],
            job_id=self._job_set.job_set_id(),
            backend_name=self.backend_name,
        )
        if not partial and not (self.success and combined.success):
            raise ResultNotAvailableError(self._what_is_missing(combined))
        return combined

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each outcome of each circuit; see :mod:`jobset_client.result_rows`."""
        return result_rows(self._job_set, self)

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows of :meth:`to_rows` as a table of pandas (the extra ``pandas``).

        Raises:
            ConfigurationError: pandas is not installed.
        """
        return data_frame(self.to_rows())

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the rows of :meth:`to_rows` to a Parquet file (the extra ``pandas``).

        Raises:
            ConfigurationError: pyarrow is not installed, or the file cannot be written.
        """
        write_parquet(self.to_rows(), path)

    def _what_is_missing(self, combined: Result) -> str:
        missing = [index for index, each in enumerate(combined.results) if not each.success]
        name, advice = self._job_set.name(), "combine_results(partial=True) combines what is there"
        if not missing:
            return f"job set {name!r} did not end as it should, see error_messages(): {advice}"
        shown = ", ".join(map(str, missing[:_SHOWN_CIRCUITS]))
        more = ", …" if len(missing) > _SHOWN_CIRCUITS else ""
        return (
            f"{len(missing)} of the {len(combined.results)} circuits of job set {name!r} have no "
            f"result ({shown}{more}; {combined.results[missing[0]].status}): {advice}"
        )

    def _own(self, chunk_index: int) -> Result | list[ExperimentResult]:
        circuits = self._job_set.layout.circuits_of(chunk_index)
        found = self._chunk_results.get(chunk_index)
        if found is None:
            names = self._job_set.circuit_names()[circuits.start : circuits.stop]
            return missing_experiments(names, self._reason(chunk_index))
        result = found.fresh()
        returned = len(result.results)
        if returned < len(circuits):
            names = self._job_set.circuit_names()[circuits.start + returned : circuits.stop]
            result.results += missing_experiments(names, "the provider returned too few results")
            result.success = False
        return result

    def _read(
        self, method: Callable[..., Any], experiment: Experiment | None, **kwargs: Any
    ) -> Any:
        if experiment is None:
            experiment = self._only_circuit()
        return self._read_at(method, *self._job_set.locate(experiment), **kwargs)

    def _read_at(
        self, method: Callable[..., Any], chunk_index: int, offset: int, **kwargs: Any
    ) -> Any:
        found = self._chunk_results.get(chunk_index)
        try:
            if found is not None:
                return method(found.shared, offset, **kwargs)
        except QiskitError as error:
            circuit = self._job_set.layout.circuits_of(chunk_index).start + offset
            wanted = method.__name__.removeprefix("get_").removesuffix("_at")
            raise ResultNotAvailableError(
                f"circuit {circuit} has no {wanted}: {error.message}"
            ) from error
        circuit = self._job_set.layout.circuits_of(chunk_index).start + offset
        raise ResultNotAvailableError(
            f"circuit {circuit} has no result: {self._reason(chunk_index)}"
        )

    def _only_circuit(self) -> int:
        count = self._job_set.layout.circuit_count
        if count != 1:
            raise ConfigurationError(
                f"say which of the {count} circuits: give an index, a name or the circuit"
            )
        return 0

    def _reason(self, chunk_index: int) -> str:
        record = self._job_set.chunk_record(chunk_index)
        error = failure(record)
        if error is not None:
            return f"chunk {chunk_index} {record.status}: {error.message}"
        if record.status is ChunkStatus.DONE:
            return f"chunk {chunk_index} is done; call results(refresh=True) to fetch its result"
        return f"chunk {chunk_index} is {record.status}"
