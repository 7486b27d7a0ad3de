"""The entry point: run circuits as a job set, and find sets again."""

import logging
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

from qiskit import QuantumCircuit

from jobset_client import validation
from jobset_client.chunking import plan_chunks
from jobset_client.dispatch import dispatch
from jobset_client.managed_job_set import ManagedJobSet
from jobset_client.report import manager_report
from jobset_client.settings import ClientSettings
from jobset_client.submission import Sender, TaskSender
from jobset_protocol.errors import (
    BackendNotFoundError,
    ConfigurationError,
    JobSetNotFoundError,
    StoreLostError,
)
from jobset_protocol.messages import BackendSpec, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store, connect
from jobset_protocol.urls import broker_url as broker_url_of

_SET_ID = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


class JobManager:
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
        self._unserved: set[str] = set()
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
        experiments: QuantumCircuit | Sequence[QuantumCircuit],
        backend: str | object,
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: Sequence[str] | None = None,
        **run_config: Any,
    ) -> ManagedJobSet:
        """Split circuits into chunks and enqueue them.

        Returns as soon as everything is in the store; circuits are not needed afterwards.

        Args:
            experiments: Circuits, or a single one.
            backend: A backend's alias, or an object whose ``name`` is one.
            name: Of the set, at most 200 characters; the current date and time by default.
            max_experiments_per_job: Most circuits in a chunk, capped by the backend's own limit.
                By default the backend's limit; where it has none, at most 100 circuits.
            job_share_level: Accepted for the original's sake; job sets are not shared.
            job_tags: Tags of the set.
            run_config: Options for the backend, such as ``shots``, ``memory`` or
                ``seed_simulator``; numbers, strings, lists and dicts.

        Raises:
            InvalidExperimentsError: No circuits, or things that are not circuits.
            InvalidOptionsError: An option cannot travel, or exceeds the backend's limits.
            ConfigurationError: Another argument is wrong.
            BackendNotFoundError: No worker has announced the backend.
            PayloadTooLargeError: A chunk is too large.
            StoreUnavailableError: Store or broker do not answer; nothing of the set goes on.
        """
        circuits = validation.experiments_list(experiments)
        chunk_size = validation.chunk_size(max_experiments_per_job)
        set_name = _default_name() if name is None else validation.label("name", name)
        tags = validation.tags(job_tags)
        validation.share_level(job_share_level)
        spec = self._spec(backend)
        validation.require_width(circuits, spec)
        job_set = SetRecord(
            set_id=uuid.uuid4().hex,
            name=set_name,
            backend=spec.alias,
            owner=self._owner,
            circuit_count=len(circuits),
            chunk_size=plan_chunks(len(circuits), spec, chunk_size).chunk_size,
            options=validation.run_options(run_config, spec),
            tags=tags,
        )
        self._warn_if_unserved(spec.alias)
        dispatch(self._store, self._sender, job_set, circuits, qpy_version=spec.qpy_version)
        stored = self._store.set_record(job_set.set_id)
        return self._handle(stored, [circuit.name for circuit in circuits])

    def job_sets(self, name: str | None = None) -> list[ManagedJobSet]:
        """Return the sets in the store, of all processes, the newest first.

        Args:
            name: Only those with this name.
        """
        return [self._handle(record) for record in self._store.find_sets(name=name)]

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
        if not isinstance(job_set_id, str) or not _SET_ID.fullmatch(job_set_id):
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

    def _spec(self, backend: str | object) -> BackendSpec:
        alias = backend if isinstance(backend, str) else getattr(backend, "name", None)
        specs = self._store.backends()
        spec = specs.get(alias) if isinstance(alias, str) else None
        if spec is not None:
            return spec
        shown = repr(alias) if isinstance(alias, str) else f"a {type(backend).__name__}"
        if not specs:
            raise BackendNotFoundError(
                f"no backend {shown}: no worker has announced any yet; start one with "
                "`jobset worker`, or a local cluster with `jobset up`"
            )
        hint = ""
        if "aer" in specs and type(backend).__module__.partition(".")[0] == "qiskit_aer":
            hint = ": use the alias 'aer', the simulator of the workers"
        raise BackendNotFoundError(
            f"no backend {shown}{hint}; workers have announced: {', '.join(sorted(specs))}"
        )

    def _warn_if_unserved(self, alias: str) -> None:
        served = any(
            worker.role == "worker" and alias in worker.backends for worker in self._store.workers()
        )
        if served:
            self._unserved.discard(alias)
        elif alias not in self._unserved:
            self._unserved.add(alias)
            _log.warning(
                "no live worker serves backend %r: the job set is queued until one starts", alias
            )

    def _handle(self, record: SetRecord, names: Sequence[str] | None = None) -> ManagedJobSet:
        """Return the one object for a set, so that what it has fetched is not fetched again."""
        job_set = self._handles.get(record.set_id)
        if job_set is None:
            job_set = ManagedJobSet(self._store, record, names, sender=self._sender)
            self._handles[record.set_id] = job_set
        if names is not None:
            self._known[record.set_id] = record.name
        return job_set


def _default_name() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")


def _local_cluster_url() -> str:
    try:
        from jobset_client.cluster import attach_or_start  # noqa: PLC0415  (needless with a URL)
    except ImportError as error:
        raise ConfigurationError(
            f"a local cluster cannot be used here ({error}): give JobManager a URL, or set "
            "JOBSET_URL"
        ) from error
    return attach_or_start().url
