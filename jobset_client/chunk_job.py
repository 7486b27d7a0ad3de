"""A chunk in the shape that qiskit calls a job."""

from qiskit.providers import JobStatus, JobV1
from qiskit.result import Result

from jobset_client.chunk_results import ResultCache
from jobset_client.chunk_view import ChunkView, failure, job_id
from jobset_client.deadline import Deadline
from jobset_protocol.errors import InvalidStateError, JobSetTimeoutError, ResultNotAvailableError


class ChunkJob(JobV1):
    """The provider's job of one chunk, seen through the store: no credentials are needed.

    Args:
        view: The chunk.
        results: Where its result is kept.
    """

    def __init__(self, view: ChunkView, results: ResultCache) -> None:
        super().__init__(None, f"{view.key.set_id}-{view.key.index}")
        self._view = view
        self._results = results

    def __repr__(self) -> str:
        return f"<ChunkJob {self._view.key.index} of job set {self._view.job_set.name!r}>"

    def job_id(self) -> str:
        """Return the provider's id, or ``<set id>-<chunk index>`` while it has none."""
        return job_id(self._view.record)

    def name(self) -> str:
        """Return the name that the original gave to such a job."""
        return job_name(self._view.job_set.name, self._view.key.index)

    def tags(self) -> list[str]:
        """Return the tags of the set."""
        return list(self._view.job_set.tags)

    def status(self) -> JobStatus:
        """Return the chunk's status in qiskit's terms."""
        return self._view.record.status.job_status

    def queue_position(self) -> int | None:
        """Return the place in the provider's queue, where the provider tells."""
        return self._view.record.queue_position

    def error_message(self) -> str | None:
        """Return why it failed; ``None`` when it did not."""
        error = failure(self._view.record)
        return None if error is None else error.message

    def submit(self) -> None:
        """Refuse: a worker submits it.

        Raises:
            InvalidStateError: Always.
        """
        raise InvalidStateError("a worker submits this job; JobManager.run submits new circuits")

    def cancel(self) -> None:
        """Refuse: a set is cancelled whole.

        Raises:
            InvalidStateError: Always.
        """
        raise InvalidStateError(
            "one chunk cannot be cancelled alone: ManagedJobSet.cancel cancels the whole set"
        )

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the chunk's end and return its result.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            JobSetTimeoutError: It is not final yet.
            ResultNotAvailableError: It ended without a result.
        """
        record = self._view.final_record(Deadline.after(timeout))
        index = self._view.key.index
        if record is None:
            raise JobSetTimeoutError(f"chunk {index} is not final after {timeout} s; it goes on")
        found = self._results.fetch([index]).get(index)
        if found is None:
            error = failure(record)
            reason = f": {error.message}" if error else ""
            raise ResultNotAvailableError(f"chunk {index} ended as {record.status}{reason}")
        return found.fresh()


def job_name(set_name: str, index: int) -> str:
    """Return the name of a chunk's job.

    >>> job_name("ghz", 3)
    'ghz_3_'
    """
    return f"{set_name}_{index}_"
