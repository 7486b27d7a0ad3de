"""A job set: thousands of circuits, handled as one thing.

The file is long because each method of the original has its promises here; what they do is in
the modules beside it, of which :mod:`jobset_client.stored_set` is the first to read.
"""

import contextlib
import os
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Self

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from jobset_client import validation
from jobset_client.archive import export_set
from jobset_client.attaching import default_name, manager_from, read_set_id
from jobset_client.chunk_job import ChunkJob
from jobset_client.deadline import Deadline
from jobset_client.deleting import delete_set
from jobset_client.experiment_index import Experiment
from jobset_client.layout import ChunkLayout
from jobset_client.managed_job import ManagedJob
from jobset_client.managed_results import ManagedResults
from jobset_client.progress import show_progress
from jobset_client.report import error_report, set_report
from jobset_client.resolving import resolve_chunks
from jobset_client.retrying import retry_chunks
from jobset_client.stored_circuits import StoredCircuits
from jobset_client.stored_set import StoredSet
from jobset_client.submission import Sender
from jobset_client.submitted_job import SubmittedJob
from jobset_client.waiting import Patience
from jobset_protocol.errors import FailureKind, InvalidStateError, JobSetNotFoundError
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import SetStore


class ManagedJobSet:
    """A set of chunks; as a rule made by :meth:`JobManager.run` or ``retrieve_job_set``.

    Everything is read from the store: the process that submitted the set may be gone.  One that
    is made by its constructor holds nothing yet: :meth:`run` submits it, :meth:`retrieve_jobs`
    finds it in the store, and until then every method but :meth:`name` and :meth:`job_set_id`
    raises ``InvalidStateError``.

    Args:
        name: Of the set; the current date and time by default.
        short_id: The set's id, 32 hexadecimal digits; a new one by default.

    Raises:
        ConfigurationError: The name or the id is malformed.
    """

    def __init__(self, name: str | None = None, short_id: str | None = None) -> None:
        self._name = default_name() if name is None else validation.label("name", name)
        self._set_id = uuid.uuid4().hex if short_id is None else read_set_id(short_id)
        self._held: StoredSet | None = None

    @classmethod
    def over(
        cls,
        store: SetStore,
        record: SetRecord,
        names: Sequence[str] | None = None,
        *,
        sender: Sender | None = None,
    ) -> Self:
        """Return a set that is in the store.

        Args:
            store: Where the set is.
            record: Its description.
            names: The circuits' names, if they are at hand.
            sender: What enqueues chunks that are tried again; without one the watcher does, later.
        """
        job_set = cls(name=record.name, short_id=record.set_id)
        job_set._held = StoredSet(store, record, names, sender=sender)
        return job_set

    @property
    def _stored(self) -> StoredSet:
        if self._held is None:
            raise InvalidStateError(
                "this job set holds no jobs yet: call run(), or retrieve_jobs() if its id is that "
                "of a set in the store"
            )
        return self._held

    def __repr__(self) -> str:
        if self._held is None:
            return f"<ManagedJobSet {self._name!r}: not run yet>"
        return (
            f"<ManagedJobSet {self.name()!r}: {self.record.circuit_count} circuits in "
            f"{len(self.layout)} chunks on {self.record.backend!r}, id {self._set_id}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ManagedJobSet):
            return NotImplemented
        return self._set_id == other._set_id

    def __hash__(self) -> int:
        return hash(self._set_id)

    def run(
        self,
        experiment_list: Iterable[Sequence[QuantumCircuit]],
        backend: str | object,
        executor: object,
        job_share_level: str | None = None,
        job_tags: Sequence[str] | None = None,
        **run_config: Any,
    ) -> None:
        """Submit lists of circuits, each as one job; :meth:`JobManager.run` makes such lists.

        Args:
            experiment_list: A list of circuits for each job; lists may differ in length.
            backend: A backend's alias, or an object whose ``name`` is one.
            executor: The :class:`JobManager` that submits.  Anything else, such as the thread
                pool that the original took, stands for ``JobManager()``.
            job_share_level: Accepted for the original's sake; job sets are not shared.
            job_tags: Tags of the set.
            run_config: Options for the backend, as for :meth:`JobManager.run`.

        Raises:
            InvalidStateError: The set holds jobs already, or its id is taken.
            InvalidExperimentsError: A list is empty, or too long for the backend.
            JobSetError: Whatever else :meth:`JobManager.run` raises.
        """
        if self._held is not None:
            raise InvalidStateError(f"job set {self.name()!r} was submitted already: make another")
        self._held = (
            manager_from(executor, user=self)
            .run_lists(
                experiment_list,
                backend,
                name=self._name,
                set_id=self._set_id,
                job_share_level=job_share_level,
                job_tags=job_tags,
                **run_config,
            )
            ._held
        )

    def retrieve_jobs(self, provider: object, refresh: bool = False) -> None:
        """Find the set in the store by its id, unless that was done before.

        Args:
            provider: The :class:`JobManager` that knows the store.  Anything else stands for
                ``JobManager()``: the store knows the backend.
            refresh: Drop what was read before, results included.

        Raises:
            JobSetNotFoundError: No set in the store has this id.
        """
        if self._held is None:
            manager = manager_from(provider, user=self)
            self._held = manager.retrieve_job_set(self._set_id, refresh=refresh)._held
        elif refresh:
            self.forget()

    @property
    def record(self) -> SetRecord:
        """The set's description: backend, owner, options, size, when it was made."""
        return self._stored.record

    @property
    def layout(self) -> ChunkLayout:
        """Which circuits are in which chunk."""
        return self._stored.layout

    def name(self) -> str:
        """Return the set's name."""
        return self._name if self._held is None else self._held.record.name

    def job_set_id(self) -> str:
        """Return the set's id, by which any process retrieves it."""
        return self._set_id

    def tags(self) -> list[str]:
        """Return the set's tags."""
        return list(self.record.tags)

    def update_name(self, name: str) -> str:
        """Give the set another name, for all processes; its jobs' names follow.

        Args:
            name: 1 to 200 characters.

        Returns:
            The new name.

        Raises:
            ConfigurationError: The name is malformed.
            JobSetNotFoundError: The set is gone from the store.
        """
        stored = self._stored
        stored.store.rename_set(self._set_id, validation.label("name", name))
        return stored.read_again().name

    def update_tags(
        self,
        replacement_tags: Sequence[str] | None = None,
        additional_tags: Sequence[str] | None = None,
        removal_tags: Sequence[str] | None = None,
    ) -> list[str]:
        """Change the set's tags, for all processes; the arguments are applied in their order.

        Args:
            replacement_tags: Take the place of all tags; an empty list removes all.
            additional_tags: Are added.
            removal_tags: Are removed, where they are there.

        Returns:
            The new tags.

        Raises:
            InvalidStateError: No argument is given.
            ConfigurationError: Tags are malformed, or too many.
            JobSetNotFoundError: The set is gone from the store.
        """
        stored = self._stored
        if replacement_tags is None and additional_tags is None and removal_tags is None:
            raise InvalidStateError("give replacement_tags, additional_tags or removal_tags")
        kept = stored.read_again().tags if replacement_tags is None else replacement_tags
        replaced = validation.tags(kept, "replacement_tags")
        added = validation.tags(additional_tags, "additional_tags")
        removed = validation.tags(removal_tags, "removal_tags")
        tags = [tag for tag in dict.fromkeys([*replaced, *added]) if tag not in removed]
        stored.store.retag_set(self._set_id, validation.tags(tags, "the set's new tags"))
        return list(stored.read_again().tags)

    def circuit_names(self) -> Sequence[str]:
        """Return the circuits' names, in the order of the set."""
        return self._stored.index.names

    def circuits(self) -> Sequence[QuantumCircuit]:
        """Return all circuits, in order; each chunk is read from the store when it is looked at.

        Raises:
            StoreLostError: When looked at: circuits are not in the store.
        """
        return StoredCircuits(self._stored)

    def qobjs(self) -> list[SubmittedJob | None]:
        """Return what was submitted, for each job: its circuits and the run options.

        The entry is ``None`` where a job could not be submitted; :meth:`circuits` has all.

        Raises:
            StoreLostError: Circuits are not in the store.
        """
        return [managed_job.qobj() for managed_job in self.managed_jobs()]

    def statuses(self) -> list[JobStatus | None]:
        """Return each chunk's status in qiskit's terms; one read, whatever the size.

        The original put ``None`` where a status could not be read; here such a read raises.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        return [status.job_status for status in self.chunk_statuses()]

    def chunk_statuses(self) -> list[ChunkStatus]:
        """Return each chunk's status, finer than qiskit's, in the order of the circuits."""
        return list(self._stored.statuses().values())

    def counts(self) -> dict[ChunkStatus, int]:
        """Return how many chunks have each status."""
        return self._stored.store.counts(self._set_id)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until every chunk is final.

        Args:
            timeout: Seconds to wait at most; ``None`` for no limit.

        Raises:
            JobSetTimeoutError: The time is up; the set goes on.
            StoreUnavailableError: The store stayed away for a minute.
        """
        self._stored.await_end(Deadline.after(timeout), partial=False)

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
            JobSetTimeoutError: The time is up and ``partial`` is false; the set goes on.
            StoreUnavailableError: The store stayed away for a minute.
        """
        deadline = Deadline.after(timeout)
        stored = self._stored
        if refresh:
            stored.forget()
        statuses = stored.settled_statuses(deadline, partial=partial)
        final = [index for index, status in statuses.items() if status.is_final]
        found = Patience(deadline).call(stored.results.fetch, final)
        success = not stored.record.abandoned and all(
            status is ChunkStatus.DONE and index in found for index, status in statuses.items()
        )
        return ManagedResults(self, stored.record.backend, success, chunk_results=found)

    def retry(
        self, *, kinds: Iterable[FailureKind | str] | None = None, include_cancelled: bool = False
    ) -> list[ManagedJob]:
        """Submit again what failed, and only that, each chunk as a new attempt.

        What the others returned stays, and so does what is known of the attempts that ended
        (:attr:`ManagedJob.history`).  Afterwards the set is at work again: :meth:`wait` and
        :meth:`results` wait for the new end.  A chunk that is UNCERTAIN is left alone, since its
        job may be at the provider: :meth:`resolve` is for those.

        Args:
            kinds: Only failures of these kinds, such as ``["transient"]``; all by default.
            include_cancelled: Also what was cancelled.

        Returns:
            The chunks that are queued again.

        Raises:
            ConfigurationError: There is no such kind.
            StoreLostError: Circuits are not in the store; the chunks that have theirs are queued.
            StoreUnavailableError: The store does not answer.
        """
        return retry_chunks(self._stored, kinds, include_cancelled=include_cancelled)

    def resolve(
        self,
        job: int | ManagedJob | None = None,
        *,
        job_id: str | None = None,
        resubmit: bool = False,
        give_up: bool = False,
    ) -> list[ManagedJob]:
        """Say what became of chunks that are UNCERTAIN, which no provider can be asked.

        Look the chunk's tag up in the provider's own list of jobs; :meth:`report` names it.  Then
        give exactly one of ``job_id``, ``resubmit`` and ``give_up``.

        Args:
            job: A job's index, as the report shows it, or a job of :meth:`managed_jobs`; by
                default every chunk that is UNCERTAIN, which does not go with ``job_id``.
            job_id: There is a job, and this is the provider's id of it: it is polled, and its
                result collected.
            resubmit: There is no job: the circuits are submitted again, as a new attempt.  If
                there is one after all, it is paid for in vain.
            give_up: Nobody will find out: the chunk counts as failed.  :meth:`retry` then takes
                it for a failure like any other.

        Returns:
            The chunks that were settled; after the first two, the set is at work again, even if
            it was cancelled.

        Raises:
            ConfigurationError: Not exactly one of the three, no such job, or ``job_id`` is that
                of another chunk's job.
            InvalidStateError: A chunk is not UNCERTAIN.
            StoreLostError: Circuits are not in the store.
            StoreUnavailableError: The store does not answer.
        """
        return resolve_chunks(self._stored, job, job_id=job_id, resubmit=resubmit, give_up=give_up)

    def report(self, detailed: bool = True) -> str:
        """Return a report on the chunks, in the original's layout.

        Args:
            detailed: Describe every chunk's job; otherwise count them only.
        """
        return set_report(self.record, self.counts(), self.chunk_records() if detailed else None)

    def error_messages(self, *, timeout: float | None = None) -> str | None:
        """Wait for the set's end and tell which chunks failed, and why.

        Told are also jobs that the provider has beside a chunk's own, since they may be on its
        bill, and what to do about a chunk that is UNCERTAIN.

        Args:
            timeout: Seconds to wait at most; then what failed until now is told.

        Returns:
            ``None`` when nothing failed, and there was no job too many.
        """
        deadline = Deadline.after(timeout)
        self._stored.await_end(deadline, partial=True)
        return error_report(self.record, Patience(deadline).call(self.chunk_records))

    def cancel(self) -> None:
        """Cancel every chunk that is not final.

        Chunks that nobody holds are cancelled at once; those at a provider when the watcher has
        told it, if the provider can cancel at all.
        """
        self._stored.store.cancel_set(self._set_id)

    def delete(self, force: bool = False) -> None:
        """Delete the set with all that belongs to it: circuits, results, names, history.

        Afterwards every call that asks the store raises ``JobSetNotFoundError``.  A worker that
        has a chunk at that moment ends it without a trace.

        Args:
            force: Also when chunks are not final.  They are cancelled first, and providers get
                ten seconds to be told; a job that runs on regardless is named in a warning.

        Raises:
            InvalidStateError: Chunks are not final, and ``force`` is false.
            JobSetNotFoundError: The set is gone from the store.
        """
        stored = self._stored
        delete_set(stored.store, self._set_id, force=force)
        with contextlib.suppress(JobSetNotFoundError):
            stored.forget()

    def update_retention(self, seconds: float | None) -> None:
        """Say how long the set is kept after its end; the watcher deletes it then.

        Args:
            seconds: Above 0; ``None`` keeps it until it is deleted.

        Raises:
            ConfigurationError: Not a number of seconds above 0.
            JobSetNotFoundError: The set is gone from the store.
        """
        stored = self._stored
        stored.store.update_retention(self._set_id, validation.retention_seconds(seconds))
        stored.read_again()

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the set to one file, with circuits and results, to be kept or moved elsewhere.

        :meth:`JobManager.import_job_set` reads it.  An older file of this name is replaced, once
        the new one is complete.

        Args:
            path: The file, such as ``ghz.zip``.

        Raises:
            InvalidStateError: Chunks are not final.
            JobSetNotFoundError: The set is gone from the store.
            ConfigurationError: The file cannot be written.
        """
        export_set(self._stored.store, self.record, path)

    def jobs(self) -> list[ChunkJob | None]:
        """Return each chunk's job; ``None`` where it could not be submitted."""
        return [
            self._stored.managed_job(record.key.index).job_as_of(record)
            for record in self.chunk_records()
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
        return self._stored.managed_job(chunk_index).job, offset

    def managed_jobs(self) -> list[ManagedJob]:
        """Return the chunks, in the order of the circuits."""
        return self._stored.managed_jobs()

    def progress(self, timeout: float | None = None) -> None:
        """Draw a live progress bar until every chunk is final.

        Args:
            timeout: Seconds to wait at most; ``None`` for no limit.

        Raises:
            JobSetTimeoutError: The time is up; the set goes on.
        """
        deadline = Deadline.after(timeout)
        changes = self._stored.count_changes(deadline)
        show_progress(self.record.name, self.record.chunk_size, changes)
        self._stored.await_end(deadline, partial=False)

    def locate(self, experiment: Experiment) -> tuple[int, int]:
        """Return ``(chunk_index, offset)`` of a circuit.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            AmbiguousNameError: Several circuits have the name.
        """
        return self.layout.locate(self._stored.index.resolve(experiment))

    def chunk_record(self, chunk_index: int) -> ChunkRecord:
        """Return what the store knows of one chunk."""
        return self._stored.managed_job(chunk_index).record

    def chunk_records(self) -> list[ChunkRecord]:
        """Return what the store knows of every chunk, in the order of the circuits."""
        return self._stored.chunk_records()

    def take_over(self, record: SetRecord) -> None:
        """Believe a description that was read from the store just now."""
        self._stored.take_over(record)

    def forget(self) -> None:
        """Drop what was read before, so that the store is asked again."""
        self._stored.forget()
