"""A job set: thousands of circuits, handled as one thing."""

from collections.abc import Callable, Iterator, Sequence

from qiskit.providers import JobStatus

from jobset_client.chunk_job import ChunkJob
from jobset_client.chunk_results import ResultCache
from jobset_client.chunk_view import ChunkView
from jobset_client.deadline import Deadline
from jobset_client.experiment_index import Experiment, ExperimentIndex
from jobset_client.layout import ChunkLayout
from jobset_client.managed_job import ManagedJob
from jobset_client.managed_results import ManagedResults
from jobset_client.progress import show_progress
from jobset_client.report import error_report, set_report
from jobset_client.submission import Sender
from jobset_client.waiting import Patience, watch
from jobset_protocol.codecs.document import decode_document
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import FINAL, ChunkStatus
from jobset_protocol.store.base import SetStore


class ManagedJobSet:
    """A set of chunks; made by :meth:`JobManager.run` and :meth:`JobManager.retrieve_job_set`.

    Everything is read from the store: the process that submitted the set may be gone.

    Args:
        store: Where the set is.
        record: Its description.
        names: The circuits' names, if they are at hand.
        sender: What enqueues chunks that are retried; without one the watcher does, later.
    """

    def __init__(
        self,
        store: SetStore,
        record: SetRecord,
        names: Sequence[str] | None = None,
        *,
        sender: Sender | None = None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._results = ResultCache(store, record.set_id)
        self._managed_jobs: dict[int, ManagedJob] = {}
        self._settled: dict[int, ChunkStatus] | None = None
        self._names = names
        self._describe(record)

    def _describe(self, record: SetRecord) -> None:
        """Take over a description that was read just now."""
        self._record = record
        self.layout = ChunkLayout(record)
        """Which circuits are in which chunk."""
        names = self._names
        self._index = ExperimentIndex(
            record.circuit_count, self._load_names if names is None else lambda: names
        )

    def __repr__(self) -> str:
        return (
            f"<ManagedJobSet {self._record.name!r}: {self._record.circuit_count} circuits in "
            f"{len(self.layout)} chunks on {self._record.backend!r}, id {self._record.set_id}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ManagedJobSet):
            return NotImplemented
        return self._record.set_id == other._record.set_id

    def __hash__(self) -> int:
        return hash(self._record.set_id)

    def _managed_job(self, chunk_index: int) -> ManagedJob:
        managed_job = self._managed_jobs.get(chunk_index)
        if managed_job is None:
            view = ChunkView(self._store, self._record, chunk_index)
            managed_job = ManagedJob(view, self._results)
            self._managed_jobs[chunk_index] = managed_job
        return managed_job

    @property
    def record(self) -> SetRecord:
        """The set's description: backend, owner, options, size, when it was made."""
        return self._record

    def name(self) -> str:
        """Return the set's name."""
        return self._record.name

    def job_set_id(self) -> str:
        """Return the set's id, by which any process retrieves it."""
        return self._record.set_id

    def tags(self) -> list[str]:
        """Return the set's tags."""
        return list(self._record.tags)

    def circuit_names(self) -> Sequence[str]:
        """Return the circuits' names, in the order of the set."""
        return self._index.names

    def statuses(self) -> list[JobStatus | None]:
        """Return each chunk's status in qiskit's terms; one read, whatever the size.

        The original put ``None`` where a status could not be read; here such a read raises.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        return [status.job_status for status in self.chunk_statuses()]

    def chunk_statuses(self) -> list[ChunkStatus]:
        """Return each chunk's status, finer than qiskit's, in the order of the circuits."""
        return list(self._statuses_by_chunk(self._store.statuses).values())

    def counts(self) -> dict[ChunkStatus, int]:
        """Return how many chunks have each status."""
        return self._store.counts(self._record.set_id)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until every chunk is final.

        Args:
            timeout: Seconds to wait at most; ``None`` for no limit.

        Raises:
            JobSetTimeoutError: The time is up; the set goes on.
            StoreUnavailableError: The store stayed away for a minute.
        """
        self._await_end(Deadline.after(timeout), partial=False)

    def results(
        self, timeout: float | None = None, partial: bool = False, refresh: bool = False
    ) -> ManagedResults:
        """Wait for the set's end and return its results, fetched in one pipeline.

        A chunk that failed does not raise here: ``success`` is then False, and reading one of
        its circuits raises, except those that its provider did return.

        Args:
            timeout: Seconds for the whole call; 0 asks for what is there now.
            partial: When the time is up, return what is there instead of raising.
            refresh: Fetch again what was fetched before.

        Raises:
            JobSetTimeoutError: The time is up, and ``partial`` is false; the set goes on.
            StoreUnavailableError: The store stayed away for a minute.
        """
        deadline = Deadline.after(timeout)
        if refresh:
            self.forget()
        statuses = self._settled or self._await_end(deadline, partial=partial)
        final = [index for index, status in statuses.items() if status.is_final]
        found = Patience(deadline).call(self._results.fetch, final)
        if len(final) == len(statuses) and self._record.sealed:
            self._settled = statuses
        success = not self._record.abandoned and all(
            status is ChunkStatus.DONE and index in found for index, status in statuses.items()
        )
        return ManagedResults(self, self._record.backend, success, chunk_results=found)

    def report(self, detailed: bool = True) -> str:
        """Return a report on the chunks, in the original's layout.

        Args:
            detailed: Describe every chunk's job; otherwise count them only.
        """
        return set_report(self._record, self.counts(), self.chunk_records() if detailed else None)

    def error_messages(self, *, timeout: float | None = None) -> str | None:
        """Wait for the set's end and tell which chunks failed, and why.

        Args:
            timeout: Seconds to wait at most; then what failed until now is told.

        Returns:
            ``None`` when nothing failed.
        """
        deadline = Deadline.after(timeout)
        self._await_end(deadline, partial=True)
        return error_report(self._record, Patience(deadline).call(self.chunk_records))

    def cancel(self) -> None:
        """Cancel every chunk that is not final.

        Chunks that nobody holds are cancelled at once; those at a provider when the watcher has
        told it, if the provider can cancel at all.
        """
        self._store.cancel_set(self._record.set_id)

    def jobs(self) -> list[ChunkJob | None]:
        """Return each chunk's job; ``None`` where it could not be submitted."""
        return [
            self._managed_job(record.key.index).job_as_of(record) for record in self.chunk_records()
        ]

    def job(self, experiment: Experiment) -> tuple[ChunkJob | None, int]:
        """Return the job that carries a circuit, and the circuit's index in that job.

        Args:
            experiment: An index, a name, or a circuit.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            AmbiguousNameError: Several circuits have the name.
        """
        chunk_index, offset = self.locate(experiment)
        return self._managed_job(chunk_index).job, offset

    def managed_jobs(self) -> list[ManagedJob]:
        """Return the chunks, in the order of the circuits."""
        self._refresh_layout()
        return [self._managed_job(index) for index in self.layout.indices]

    def progress(self, timeout: float | None = None) -> None:
        """Draw a live progress bar until every chunk is final.

        Args:
            timeout: Seconds to wait at most; ``None`` for no limit.

        Raises:
            JobSetTimeoutError: The time is up; the set goes on.
        """
        deadline = Deadline.after(timeout)
        show_progress(self._record.name, self._record.chunk_size, self._count_changes(deadline))
        self._await_end(deadline, partial=False)

    def locate(self, experiment: Experiment) -> tuple[int, int]:
        """Return ``(chunk_index, offset)`` of a circuit.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            AmbiguousNameError: Several circuits have the name.
        """
        return self.layout.locate(self._index.resolve(experiment))

    def chunk_record(self, chunk_index: int) -> ChunkRecord:
        """Return what the store knows of one chunk."""
        return self._managed_job(chunk_index).record

    def chunk_records(self) -> list[ChunkRecord]:
        """Return what the store knows of every chunk, in the order of the circuits."""
        views = [managed_job.view for managed_job in self.managed_jobs()]
        known = {view.key: view.record for view in views if view.is_final}
        open_views = {view.key: view for view in views if view.key not in known}
        for record in self._store.chunks(open_views):
            known[record.key] = open_views[record.key].remember(record)
        return [known[view.key] for view in views]

    def forget(self) -> None:
        """Drop what was read before, so that the store is asked again."""
        self._settled = None
        self._results.forget()
        self._managed_jobs.clear()
        self._describe(self._store.set_record(self._record.set_id))

    def _await_end(self, deadline: Deadline, *, partial: bool) -> dict[int, ChunkStatus]:
        set_id = self._record.set_id
        for _ in watch(self._store, set_id, deadline):
            pass
        patience = Patience(deadline)
        statuses = self._statuses_by_chunk(lambda _: patience.call(self._store.statuses, set_id))
        ended = [status for status in statuses.values() if status in FINAL]
        if (len(ended) < len(statuses) or not self._record.sealed) and not partial:
            raise JobSetTimeoutError(
                f"after {deadline.timeout_seconds} s, {ended.count(ChunkStatus.DONE)} of "
                f"{len(statuses)} chunks of job set {self._record.name!r} ({set_id}) are done and "
                f"{len(statuses) - len(ended)} are not final; the set goes on: call again later, "
                "or results(partial=True) for what is there"
            )
        return statuses

    def _statuses_by_chunk(
        self, read: Callable[[str], list[ChunkStatus]]
    ) -> dict[int, ChunkStatus]:
        """Return the statuses of the chunks that make up the set now, in the order of circuits."""
        statuses = read(self._record.set_id)
        if not self._record.sealed or len(statuses) != self._record.chunk_count:
            self._describe(self._store.set_record(self._record.set_id))
        return {index: statuses[index] for index in self.layout.indices if index < len(statuses)}

    def _refresh_layout(self) -> None:
        if self._settled is None:
            self._statuses_by_chunk(self._store.statuses)

    def _count_changes(self, deadline: Deadline) -> Iterator[dict[ChunkStatus, int]]:
        patience = Patience(deadline)
        for _ in watch(self._store, self._record.set_id, deadline):
            yield patience.call(self._store.counts, self._record.set_id)

    def _load_names(self) -> Sequence[str]:
        blobs = self._store.names(self._record.set_id)
        return [name for blob in blobs for name in decode_document(blob)]
