"""A chunk with its place in the set: which circuits, which job, what went wrong."""

from qiskit.providers import JobStatus
from qiskit.result import Result

from jobset_client.chunk_job import ChunkJob
from jobset_client.chunk_results import ResultCache
from jobset_client.chunk_view import ChunkView, failure, submit_failure
from jobset_protocol.errors import ProviderError, ResultNotAvailableError
from jobset_protocol.messages import ChunkRecord
from jobset_protocol.statuses import ChunkStatus


class ManagedJob:
    """One chunk of a :class:`~jobset_client.ManagedJobSet`.

    Args:
        view: The chunk.
        results: Where its result is kept.
    """

    def __init__(self, view: ChunkView, results: ResultCache) -> None:
        circuits = view.job_set.circuits_of(view.key.index)
        self.start_index: int = circuits.start
        """Index in the set of its first circuit."""
        self.end_index: int = circuits.stop - 1
        """Index in the set of its last circuit."""
        self.view = view
        self._job = ChunkJob(view, results)

    def __repr__(self) -> str:
        return (
            f"<ManagedJob {self.view.key.index} of job set {self.view.job_set.name!r}: "
            f"circuits {self.start_index}-{self.end_index}>"
        )

    @property
    def job(self) -> ChunkJob | None:
        """The job; ``None`` when it could not be submitted."""
        return self.job_as_of(self.view.record)

    def job_as_of(self, record: ChunkRecord) -> ChunkJob | None:
        """Return :attr:`job`, judged by a record that was read already."""
        return None if submit_failure(record) else self._job

    @property
    def submit_error(self) -> ProviderError | None:
        """Why it could not be submitted; ``None`` when it was, or still may be."""
        error = submit_failure(self.view.record)
        return None if error is None else ProviderError(error.message, kind=error.kind)

    @property
    def record(self) -> ChunkRecord:
        """All that the store knows of the chunk: attempts, times, the provider's reference."""
        return self.view.record

    @property
    def chunk_status(self) -> ChunkStatus:
        """The chunk's status, finer than qiskit's."""
        return self.view.record.status

    def status(self) -> JobStatus:
        """Return the chunk's status in qiskit's terms; ERROR when it could not be submitted."""
        return self.chunk_status.job_status

    def result(self, timeout: float | None = None) -> Result | None:
        """Wait for the chunk's end; returns its result, or ``None`` when there is none.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            JobSetTimeoutError: It is not final yet.
        """
        try:
            return self._job.result(timeout=timeout)
        except ResultNotAvailableError:
            return None

    def error_message(self) -> str | None:
        """Return why it failed, or could not be submitted; ``None`` when neither is so."""
        error = failure(self.view.record)
        return None if error is None else error.message

    def cancel(self) -> None:
        """Refuse: a set is cancelled whole.

        Raises:
            InvalidStateError: Always.
        """
        self._job.cancel()
