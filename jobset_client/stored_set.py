"""One job set in the store, and what was read of it so far."""

from collections.abc import Callable, Iterator, Sequence

from jobset_client.chunk_results import ResultCache
from jobset_client.chunk_view import ChunkView
from jobset_client.deadline import Deadline
from jobset_client.experiment_index import ExperimentIndex
from jobset_client.layout import ChunkLayout
from jobset_client.managed_job import ManagedJob
from jobset_client.submission import Sender
from jobset_client.waiting import Patience, watch
from jobset_protocol.codecs.document import decode_document
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import FINAL, ChunkStatus
from jobset_protocol.store.base import SetStore

_MOST_READS = 20
"""Statuses and description are read apart: until they speak of the same chunks."""


class StoredSet:
    """Reads a set: what cannot change any more is read once.

    Args:
        store: Where the set is.
        record: Its description.
        names: The circuits' names, if they are at hand.
        sender: What enqueues chunks that are tried again; without one the watcher does, later.
    """

    def __init__(
        self,
        store: SetStore,
        record: SetRecord,
        names: Sequence[str] | None = None,
        *,
        sender: Sender | None = None,
    ) -> None:
        self.store = store
        self.sender = sender
        self.set_id = record.set_id
        self.results = ResultCache(store, record.set_id)
        self._managed_jobs: dict[int, ManagedJob] = {}
        self._settled: dict[int, ChunkStatus] | None = None
        self._newest_event = ""
        self._names = names
        self.take_over(record)

    def take_over(self, record: SetRecord) -> None:
        """Believe a description that was read just now."""
        self.record = record
        self.layout = ChunkLayout(record)
        """Which circuits are in which chunk."""
        names = self._names
        if names is not None and len(names) != record.circuit_count:
            names = None
        self.index = ExperimentIndex(
            record.circuit_count, self._load_names if names is None else lambda: names
        )

    def read_again(self) -> SetRecord:
        """Return the set's description as it is now."""
        self.take_over(self.store.set_record(self.set_id))
        return self.record

    def forget(self) -> None:
        """Drop what was read before, so that the store is asked again."""
        self._settled = None
        self.results.forget()
        for managed_job in self._managed_jobs.values():
            managed_job.view.forget()
        self.read_again()

    def managed_job(self, chunk_index: int) -> ManagedJob:
        """Return the one object for a chunk."""
        managed_job = self._managed_jobs.get(chunk_index)
        if managed_job is None:
            managed_job = ManagedJob(ChunkView(self, chunk_index), self.results)
            self._managed_jobs[chunk_index] = managed_job
        return managed_job

    def managed_jobs(self) -> list[ManagedJob]:
        """Return the chunks, in the order of the circuits."""
        if self._settled is None:
            self.statuses()
        return [self.managed_job(index) for index in self.layout.indices]

    def chunk_records(self) -> list[ChunkRecord]:
        """Return what the store knows of every chunk, in the order of the circuits."""
        # Before the chunks: what happens between the two reads is then read again next time.
        newest = self.store.last_event_id(self.set_id)
        if newest != self._newest_event:
            self._forget_failures()
            self._newest_event = newest
        views = [managed_job.view for managed_job in self.managed_jobs()]
        known = {view.key: view.record for view in views if view.is_final}
        open_views = {view.key: view for view in views if view.key not in known}
        for record in self.store.chunks(open_views):
            known[record.key] = open_views[record.key].remember(record)
        return [known[view.key] for view in views]

    def _forget_failures(self) -> None:
        """Drop what another process may have changed by trying chunks again."""
        if self._settled is not None and self.statuses() != self._settled:
            self.forget()
        for managed_job in self._managed_jobs.values():
            managed_job.view.forget_failure()

    def statuses(
        self, read: Callable[[str], list[ChunkStatus]] | None = None
    ) -> dict[int, ChunkStatus]:
        """Return the statuses of the chunks that make up the set now, in the order of circuits.

        Args:
            read: Reads them from the store; :meth:`SetStore.statuses` by default.
        """
        for _ in range(_MOST_READS):
            statuses = (read or self.store.statuses)(self.set_id)
            if self.record.sealed and len(statuses) == self.record.chunk_count:
                break
            # A chunk that is halved between the two reads must not be missing, as if it had ended.
            if len(statuses) == self.read_again().chunk_count:
                break
        return {index: statuses[index] for index in self.layout.indices if index < len(statuses)}

    def settled_statuses(self, deadline: Deadline, *, partial: bool) -> dict[int, ChunkStatus]:
        """Wait for the set's end, once, and return its chunks' statuses; see :meth:`await_end`."""
        if self._settled is not None:
            return self._settled
        statuses = self.await_end(deadline, partial=partial)
        if self.record.sealed and all(status in FINAL for status in statuses.values()):
            self._settled = statuses
        return statuses

    def await_end(self, deadline: Deadline, *, partial: bool) -> dict[int, ChunkStatus]:
        """Wait until every chunk is final, or until the deadline.

        Args:
            deadline: Of the whole call.
            partial: When the time is up, return what is there instead of raising.

        Raises:
            JobSetTimeoutError: The time is up and ``partial`` is false; the set goes on.
            StoreUnavailableError: The store stayed away for a minute.
        """
        for _ in watch(self.store, self.set_id, deadline):
            pass
        patience = Patience(deadline)
        statuses = self.statuses(lambda set_id: patience.call(self.store.statuses, set_id))
        ended = [status for status in statuses.values() if status in FINAL]
        if (len(ended) < len(statuses) or not self.record.sealed) and not partial:
            growing = "" if self.record.sealed else ", and its client is still sending circuits"
            raise JobSetTimeoutError(
                f"after {deadline.timeout_seconds} s, {ended.count(ChunkStatus.DONE)} of "
                f"{len(statuses)} chunks of job set {self.record.name!r} ({self.set_id}) are done "
                f"and {len(statuses) - len(ended)} are not final{growing}; the set goes on: call "
                "again later, or results(partial=True) for what is there"
            )
        return statuses

    def count_changes(self, deadline: Deadline) -> Iterator[dict[ChunkStatus, int]]:
        """Yield how many chunks have each status: now, and whenever that may have changed."""
        patience = Patience(deadline)
        for _ in watch(self.store, self.set_id, deadline):
            yield patience.call(self.store.counts, self.set_id)

    def _load_names(self) -> Sequence[str]:
        blobs = self.store.names(self.set_id)
        return [name for blob in blobs for name in decode_document(blob)]
