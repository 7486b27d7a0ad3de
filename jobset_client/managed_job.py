"""A chunk with its place in the set: which circuits, which job, what went wrong."""

from collections.abc import Sequence
from types import SimpleNamespace

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.result import Result

from jobset_client.chunk_job import ChunkJob
from jobset_client.chunk_results import ResultCache
from jobset_client.chunk_view import ChunkView, failure, submit_failure
from jobset_client.submitted_job import SubmittedJob
from jobset_protocol.codecs.qpy import decode_circuits
from jobset_protocol.errors import ProviderError, ResultNotAvailableError
from jobset_protocol.messages import ChunkRecord, ExtraJob, PastAttempt
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

    @property
    def history(self) -> Sequence[PastAttempt]:
        """The attempts that ended before a person asked for another one, the oldest first."""
        return self.view.record.history

    @property
    def extra_jobs(self) -> Sequence[ExtraJob]:
        """Jobs that the provider has, or had, beside the one that counts, the oldest first."""
        return self.view.record.extra_jobs

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

    def circuits(self) -> list[QuantumCircuit]:
        """Return the chunk's circuits, as they are in the store.

        Raises:
            StoreLostError: They are not there: they were never sent, or are gone.
        """
        record, index = self.view.job_set, self.view.key.index
        # The halves of a chunk share its payload.
        first = record.circuits_of(record.source_of(index)).start
        own = record.circuits_of(index)
        return decode_circuits(self.view.payload())[own.start - first : own.stop - first]

    def qobj(self) -> SubmittedJob | None:
        """Return what was submitted; ``None`` when it could not be, as in the original.

        Before the provider has it, it is what will be submitted.

        Raises:
            StoreLostError: The circuits are not in the store.
        """
        if submit_failure(self.view.record):
            return None
        record = self.view.job_set
        seeding = {"seed_policy": record.seed_policy, "start_index": self.start_index}
        return SubmittedJob(self.circuits(), SimpleNamespace(**{**record.options, **seeding}))

    def cancel(self) -> None:
        """Refuse: a set is cancelled whole.

        Raises:
            InvalidStateError: Always.
        """
        self._job.cancel()
