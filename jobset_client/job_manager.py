"""The entry point: run circuits as a job set, and find sets again."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

from qiskit import QuantumCircuit

from jobset_client import validation
from jobset_client.announced import AnnouncedBackends
from jobset_client.attaching import default_name, is_set_id
from jobset_client.catalogue import Catalogue
from jobset_client.dispatch import dispatch
from jobset_client.given_lists import listed_workload
from jobset_client.idempotency import MadeBefore, made_before, require_match
from jobset_client.managed_job_set import ManagedJobSet
from jobset_client.plan import Plan, plan_of, refuse_what_run_takes, require_nothing_again
from jobset_client.report import manager_report
from jobset_client.resuming import resume
from jobset_client.settings import ClientSettings
from jobset_client.submission import Sender, TaskSender
from jobset_client.workload import Workload, workload
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidStateError,
    JobSetNotFoundError,
    StoreLostError,
)
from jobset_protocol.messages import AS_IF_UNSPLIT, BackendSpec, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store, connect
from jobset_protocol.urls import broker_url as broker_url_of


class JobManager(Catalogue):
    """Splits lists of circuits into chunks, enqueues them, and finds job sets again.

    It holds a connection to the store and one to the broker; use it as a context manager or
    call :meth:`close`.  Threads may share it.

    Args:
        url: The store, such as ``redis://host:6379/0``; ``JOBSET_URL`` by default, and without
            either a local cluster, which is attached to or started.
        broker_url: The broker, where it is not the store's server (``JOBSET_BROKER_URL``).
        owner: Who submits (``JOBSET_OWNER``); the login name by default.

    Raises:
        ConfigurationError: A URL or the owner is malformed.
        StoreUnavailableError: No server answers at the URL.
        StoreUnfitError: The server could lose data, or is too old.
    """

    def __init__(
        self, url: str | None = None, *, broker_url: str | None = None, owner: str | None = None
    ) -> None:
        settings = ClientSettings()
        url = url or settings.url or _local_cluster_url()
        broker = broker_url or settings.broker_url or broker_url_of(url)
        store = connect(url)
        try:
            self._open(store, TaskSender(broker), owner or settings.owner)
        except BaseException:
            store.close()
            raise

    @classmethod
    def over(cls, store: Store, sender: Sender, *, owner: str) -> Self:
        """Return a manager over a store and a sender that are there already."""
        manager = cls.__new__(cls)
        manager._open(store, sender, owner)
        return manager

    def _open(self, store: Store, sender: Sender, owner: str) -> None:
        self._owner = validation.label("owner", owner)
        self._store = store
        self._sender = sender
        self._known: dict[str, str] = {}
        self._handles: WeakValueDictionary[str, ManagedJobSet] = WeakValueDictionary()
        self._announced = AnnouncedBackends(store)
        store.require_fit_server()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; job sets go on, and a local cluster stays up."""
        self._sender.close()
        self._store.close()

    def run(
        self,
        experiments: QuantumCircuit | Iterable[QuantumCircuit] | Plan,
        backend: str | object = None,
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: Sequence[str] | None = None,
        *,
        seed_policy: str = AS_IF_UNSPLIT,
        retention_seconds: float | None = None,
        idempotency_key: str | None = None,
        **run_config: Any,
    ) -> ManagedJobSet:
        """Split circuits into chunks and enqueue them.

        Returns as soon as everything is in the store; circuits are not needed afterwards.  A
        chunk is closed early where it would be larger than 8 MB, or than the backend allows.

        Args:
            experiments: Circuits, or a single one.  A generator is consumed as chunks are sent,
                a few at a time; it may not be silent for ten minutes.  Or a :class:`Plan`, which
                is submitted as it is.
            backend: A backend's alias, or an object whose ``name`` is one; not with a plan.
            name: Of the set, at most 200 characters; the current date and time by default.
            max_experiments_per_job: Most circuits in a chunk, capped by the backend's own limits.
                By default the backend's limit; where it has none, at most 100 circuits.
            job_share_level: Accepted for the original's sake; job sets are not shared.
            job_tags: Tags of the set.
            seed_policy: ``as_if_unsplit`` gives every circuit the seed that it has in one unsplit
                run; ``same_for_all`` gives every chunk the seed as it is.
            retention_seconds: How long the set is kept after its end; otherwise until it is
                deleted.
            idempotency_key: The set that this owner's earlier call with this key made is
                returned; backend, options and number of circuits must be the same.  If its
                client ended while it was sending, the rest is sent now, for which names and
                chunks must be the same, too.  It is returned as it is if it was cancelled, or
                sent as its circuits came: from a generator, or in chunks that grew too large.
                What was not sent of that fails, and needs a run under another key.
            run_config: Options for the backend, such as ``shots``, ``memory`` or
                ``seed_simulator``: numbers, strings, lists, dicts, and an Aer ``NoiseModel``.
                With ``parameter_binds``, a circuit runs once for each of its values.

        Raises:
            InvalidExperimentsError: No circuits, or things that are not circuits.
            InvalidOptionsError: An option cannot travel, or exceeds the backend's limits.
            ConfigurationError: Another argument is wrong.
            BackendNotFoundError: No worker has announced the backend.
            PayloadTooLargeError: A circuit is too large; names it.
            VersionMismatchError: A plan is newer than the workers are now.
            InvalidStateError: The set was cancelled or deleted while a generator's circuits
                were sent.
            StoreUnavailableError: Store or broker do not answer; nothing of the set goes on.
        """
        validation.share_level(job_share_level)
        job_set = SetRecord(
            set_id=uuid.uuid4().hex,
            name=default_name() if name is None else validation.label("name", name),
            backend="",
            owner=self._owner,
            circuit_count=0,
            chunk_size=1,
            tags=validation.tags(job_tags),
            seed_policy=validation.seed_policy(seed_policy),
            retention_seconds=validation.retention_seconds(retention_seconds),
            idempotency_key=(
                None
                if idempotency_key is None
                else validation.label("idempotency_key", idempotency_key)
            ),
        )
        if isinstance(experiments, Plan):
            require_nothing_again(
                {"backend": backend, "max_experiments_per_job": max_experiments_per_job}
                | run_config
            )
            spec = self._announced.find(experiments.backend)
            return self._submit(job_set, spec, experiments.workload(spec))
        spec = self._announced.find(backend)
        work = workload(experiments, spec, max_experiments_per_job, run_config)
        return self._submit(job_set, spec, work)

    def run_lists(
        self,
        experiment_list: Iterable[Sequence[QuantumCircuit]],
        backend: str | object,
        *,
        set_id: str,
        name: str,
        job_share_level: str | None = None,
        job_tags: Sequence[str] | None = None,
        seed_policy: str = AS_IF_UNSPLIT,
        **run_config: Any,
    ) -> ManagedJobSet:
        """Submit each list of circuits as one chunk; see :meth:`ManagedJobSet.run`."""
        validation.share_level(job_share_level)
        spec = self._announced.find(backend)
        job_set = SetRecord(
            set_id=set_id,
            name=name,
            backend="",
            owner=self._owner,
            circuit_count=0,
            chunk_size=1,
            tags=validation.tags(job_tags),
            seed_policy=validation.seed_policy(seed_policy),
        )
        work = listed_workload(experiment_list, spec, run_config)
        if self._exists(set_id):
            raise InvalidStateError(
                f"a job set with the id {set_id} is in the store: retrieve_jobs() finds it, and "
                "a ManagedJobSet with another id can be run"
            )
        return self._submit(job_set, spec, work)

    def plan(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        backend: str | object,
        max_experiments_per_job: int | None = None,
        **run_config: Any,
    ) -> Plan:
        """Work out what :meth:`run` would submit, and what it would cost; submit nothing.

        Args:
            circuits: A list of them, or a single one; a generator is consumed whole.
            backend: A backend's alias, or an object whose ``name`` is one.
            max_experiments_per_job: Most circuits in a chunk.
            run_config: Options for the backend.

        Raises:
            InvalidExperimentsError: No circuits, or things that are not circuits.
            InvalidOptionsError: An option cannot travel, or exceeds the backend's limits.
            ConfigurationError: Another argument is wrong, or belongs to :meth:`run`.
            BackendNotFoundError: No worker has announced the backend.
            PayloadTooLargeError: A circuit is too large; names it.
        """
        refuse_what_run_takes(run_config)
        spec = self._announced.find(backend)
        return plan_of(workload(circuits, spec, max_experiments_per_job, run_config), spec)

    def _submit(self, job_set: SetRecord, spec: BackendSpec, work: Workload) -> ManagedJobSet:
        self._announced.warn_if_unserved(spec.alias)
        job_set = replace(
            job_set, backend=spec.alias, chunk_size=work.chunk_size, options=work.options
        )
        found = made_before(self._store, job_set)
        if found is None:
            try:
                names = dispatch(self._store, self._sender, job_set, work)
                return self._handle(self._store.set_record(job_set.set_id), names)
            except MadeBefore as before:
                # Its client made it just now, and sends it.
                return self._handle(require_match(before.record, job_set, _circuit_count(work)))
        resume(self._store, self._sender, require_match(found, job_set, _circuit_count(work)), work)
        return self._handle(self._store.set_record(found.set_id))

    def retrieve_job_set(
        self, job_set_id: str, provider: object = None, refresh: bool = False
    ) -> ManagedJobSet:
        """Return a set by its id, whichever process submitted it.

        Args:
            job_set_id: From :meth:`ManagedJobSet.job_set_id`.
            provider: Accepted for the original's sake; the store knows the backend.
            refresh: Drop what this manager has read of the set before.

        Raises:
            JobSetNotFoundError: No set has this id.
        """
        del provider
        if not is_set_id(job_set_id):
            raise JobSetNotFoundError(
                f"{job_set_id!r} is not a job set's id, which has 32 hexadecimal digits"
            )
        job_set = self._handle(self._store.set_record(job_set_id))
        self._known[job_set_id] = job_set.name()
        if refresh:
            job_set.forget()
        return job_set

    def report(self, detailed: bool = True) -> str:
        """Return a report on the sets that this manager ran or retrieved.

        Sets that are gone from the store are named at its end.

        Args:
            detailed: Describe every chunk's job; otherwise count them only.
        """
        counts: Counter[ChunkStatus] = Counter()
        details = []
        gone = {}
        for set_id, name in list(self._known.items()):
            try:
                job_set = self._handles.get(set_id) or self._handle(self._store.set_record(set_id))
                set_counts = job_set.counts()
                chunks = job_set.chunk_records() if detailed else []
            except (JobSetNotFoundError, StoreLostError):
                gone[set_id] = name
                continue
            counts.update(set_counts)
            details.append((job_set.record, chunks))
        return manager_report(counts, details if detailed else None, gone)

    def backends(self) -> dict[str, BackendSpec]:
        """Return what workers have announced, by alias."""
        return self._store.backends()

    def _exists(self, set_id: str) -> bool:
        try:
            self._store.set_record(set_id)
        except JobSetNotFoundError:
            return False
        return True

    def _handle(self, record: SetRecord, names: Sequence[str] | None = None) -> ManagedJobSet:
        """Return the one object for a set, so that what it has fetched is not fetched again."""
        job_set = self._handles.get(record.set_id)
        if job_set is None:
            job_set = ManagedJobSet.over(self._store, record, names, sender=self._sender)
            self._handles[record.set_id] = job_set
        else:
            job_set.take_over(record)
        if names is not None:
            self._known[record.set_id] = record.name
        return job_set


def _circuit_count(work: Workload) -> int | None:
    return None if work.names is None else len(work.names)


def _local_cluster_url() -> str:
    try:
        from jobset_client.cluster import attach_or_start  # noqa: PLC0415  (needless with a URL)
    except ImportError as error:
        raise ConfigurationError(
            f"a local cluster cannot be used here ({error}): give JobManager a URL, or set "
            "JOBSET_URL"
        ) from error
    return attach_or_start().url
