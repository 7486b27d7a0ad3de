"""The frozen records that client and workers exchange through broker and store."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from jobset_protocol.errors import FailureKind, MessageError, ProviderError
from jobset_protocol.statuses import ChunkStatus

SUBMIT_TASK = "jobset.submit_chunk"
COLLECT_TASK = "jobset.collect_chunk"

AS_IF_UNSPLIT = "as_if_unsplit"
"""Every circuit gets the seed that it has in one unsplit run."""
SAME_FOR_ALL = "same_for_all"
"""Every chunk gets the seed as the user gave it."""

_SET_ID = re.compile(r"[0-9a-f]{32}")
MAX_CHUNKS = 1_000_000


class ChunkKey(NamedTuple):
    """Which chunk: the set's id (32 hexadecimal digits) and the chunk's index in it.

    Also the arguments of both Celery tasks: ids only, the rest is in the store.
    """

    set_id: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a key

    def __str__(self) -> str:
        return f"{self.set_id}:{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote.

        Raises:
            MessageError: The text is not a chunk key.

        >>> ChunkKey.parse("00000000000000000000000000000007:3").index
        3
        """
        set_id, _, index = text.partition(":")
        return cls.checked(set_id, int(index) if index.isdecimal() else index)

    @classmethod
    def checked(cls, set_id: object, index: object) -> Self:
        """Return the chunk that a message names.

        Raises:
            MessageError: The arguments are not a set id and a chunk index.
        """
        if not isinstance(set_id, str) or not _SET_ID.fullmatch(set_id):
            raise MessageError(f"{str(set_id)[:80]!r} is not a set id (32 hexadecimal digits)")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < MAX_CHUNKS:
            raise MessageError(f"{str(index)[:80]!r} is not a chunk index")
        return cls(set_id, index)


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A remote failure as it travels: text, never a pickled exception.

    Args:
        type: Name of the exception's class.
        message: What happened and what to do next.
        kind: What the failure asks for.
        where: The step that failed: ``claim``, ``submit``, ``run``, ``poll``, ``collect``.
    """

    type: str
    message: str
    kind: FailureKind = FailureKind.FATAL
    where: str = ""

    @property
    def retryable(self) -> bool:
        """Whether the same circuits may succeed later."""
        return self.kind in (FailureKind.TRANSIENT, FailureKind.LIMIT)

    @classmethod
    def of(cls, error: BaseException, *, kind: FailureKind | None = None, where: str = "") -> Self:
        """Describe an exception; long messages keep their first 2,000 characters."""
        if kind is None:
            kind = error.kind if isinstance(error, ProviderError) else FailureKind.FATAL
        text = str(error) or type(error).__name__
        return cls(type=type(error).__name__, message=text[:2000], kind=kind, where=where)

    def to_dict(self) -> dict[str, str]:
        """Return plain values for a codec."""
        return {
            "type": self.type,
            "message": self.message,
            "kind": self.kind.value,
            "where": self.where,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            type=str(document["type"]),
            message=str(document["message"]),
            kind=FailureKind(document["kind"]),
            where=str(document.get("where", "")),
        )


@dataclass(frozen=True, slots=True)
class JobReference:
    """A provider's job, as an adapter can find it again from another process.

    Args:
        job_id: The provider's id.
        detail: Whatever else the adapter needs; opaque to everybody else.
    """

    job_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What workers announce of a backend, so that clients plan and encode for it.

    Args:
        alias: The name that clients use.
        provider: The adapter that serves it.
        local: The provider runs inside the worker and leaves nothing to re-attach to.
        qpy_version: Highest QPY version that its workers read.
        max_circuits: Most circuits in one job; ``None`` when the provider names no limit.
        max_shots: Most shots of one circuit; ``None`` when the provider names no limit.
        max_bytes: Most bytes of one job's circuits, as QPY before compression; ``None`` for
            Jobset's own limit.
        max_executions: Most circuits × shots of one job; ``None`` when there is no limit.
        max_pending: Most jobs that the account may have at the provider at a time.
        prices: What a job costs, by unit: ``job``, ``circuit``, ``shot``; and ``currency``.
        num_qubits: Width of the device; ``None`` when it has no fixed width.
        description: One line for people.
    """

    alias: str
    provider: str
    local: bool
    qpy_version: int
    max_circuits: int | None = None
    max_shots: int | None = None
    max_bytes: int | None = None
    max_executions: int | None = None
    max_pending: int | None = None
    num_qubits: int | None = None
    prices: Mapping[str, float | str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A process that is alive: a ``worker`` or a ``watcher``, and the backends it serves."""

    worker_id: str
    role: str
    hostname: str
    pid: int
    backends: Sequence[str]
    versions: Mapping[str, str] = field(default_factory=dict)
    seen_at: float = 0.0


class Part(NamedTuple):
    """A chunk that came from halving another one.

    Args:
        start: Index in the set of its first circuit.
        stop: Index in the set behind its last circuit.
        parent: The chunk that was halved.
        source: The chunk whose payload holds its circuits.
    """

    start: int
    stop: int
    parent: int
    source: int


@dataclass(frozen=True, slots=True)
class SetRecord:
    """A job set as the store describes it.

    Its chunks are numbered in the order in which they came: those that the client sent, and the
    parts of chunks that were halved.

    Args:
        set_id: 32 hexadecimal digits.
        name: As the user gave it; need not be unique.
        backend: The backend's alias.
        owner: Who submitted it.
        circuit_count: Circuits in the set, so far if it is not sealed.
        chunk_size: Circuits in every chunk that the client sent, but the last, which may hold
            fewer; the most in one where there are ``ranges``.
        options: Run options, the same for every chunk.
        tags: The user's tags.
        created_at: Seconds since the epoch, the server's clock.
        cancelled: Cancelling was asked for.
        ranges: Every chunk's circuits, of a set that grew while it was sent; such chunks may have
            any sizes.
        parts: Chunk index → part, for those that came from halving.
        sealed: All chunks are known; if not, the client is still sending.
        abandoned: The client ended while it was sending.
        seed_policy: ``as_if_unsplit`` or ``same_for_all``.
        retention_seconds: How long the set is kept after its end; ``None`` until it is deleted.
        finished_at: When the last chunk became final; 0 before that.
        idempotency_key: Under which its owner asked for it, if under any.
    """

    set_id: str
    name: str
    backend: str
    owner: str
    circuit_count: int
    chunk_size: int
    options: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    created_at: float = 0.0
    cancelled: bool = False
    ranges: Sequence[range] | None = None
    parts: Mapping[int, Part] = field(default_factory=dict)
    sealed: bool = True
    abandoned: bool = False
    seed_policy: str = AS_IF_UNSPLIT
    retention_seconds: float | None = None
    finished_at: float = 0.0
    idempotency_key: str | None = None

    @property
    def chunk_count(self) -> int:
        """Chunks in the store, those that were halved included."""
        if self.ranges is not None:
            return len(self.ranges)
        return -(-self.circuit_count // self.chunk_size) + len(self.parts)

    def circuits_of(self, index: int) -> range:
        """Return the circuit indices of one chunk.

        >>> SetRecord("5f", "a", "aer", "me", 10, 4).circuits_of(2)
        range(8, 10)
        """
        if index in self.parts:
            return range(self.parts[index].start, self.parts[index].stop)
        if self.ranges is not None:
            return self.ranges[index]
        start = index * self.chunk_size
        return range(start, min(start + self.chunk_size, self.circuit_count))

    def source_of(self, index: int) -> int:
        """Return the chunk whose payload holds a chunk's circuits: itself, unless it is a part."""
        return self.parts[index].source if index in self.parts else index


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt at a chunk that ended before ``retry()`` began another.

    Args:
        attempt: Its number, from 1.
        status: How it ended.
        reference: The provider's job, if there was one.
        error: Why it failed, if it did.
        finished_at: Seconds since the epoch, the server's clock.
    """

    attempt: int
    status: ChunkStatus
    reference: JobReference | None = None
    error: ErrorRecord | None = None
    finished_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ExtraJob:
    """A provider job that a chunk has beside the one that counts: it was paid for, or nearly.

    Args:
        reference: The provider's job.
        attempt: The chunk's attempt that it was made for.
        cancelled: Whether the provider was told to stop it, and agreed.
        seen_at: Seconds since the epoch, the server's clock.
    """

    reference: JobReference
    attempt: int
    cancelled: bool = False
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk as the store describes it.

    Times are seconds since the epoch by the server's clock; 0 means never.

    Args:
        key: Which chunk.
        status: Where it is in its life.
        fence: Raised by every claim; a write that names an older one is refused.
        attempt: Raised by every new provider job after the first; part of the tag.
        owner: The worker that claimed it last.
        lease_until: When the claim lapses unless it is extended.
        tag: Under which the provider's job can be found.
        reference: The provider's job, once it is known.
        error: Why it failed, or why it was last sent back.
        tries: Failures so far, by kind (``transient``, ``crash`` …).
        history: The attempts before this one that ended, the oldest first.
        extra_jobs: Jobs that the provider has beside ``reference``, the oldest first.
    """

    key: ChunkKey
    status: ChunkStatus
    fence: int = 0
    attempt: int = 1
    owner: str = ""
    lease_until: float = 0.0
    tag: str = ""
    reference: JobReference | None = None
    error: ErrorRecord | None = None
    tries: Mapping[str, int] = field(default_factory=dict)
    queue_position: int | None = None
    queued_at: float = 0.0
    claimed_at: float = 0.0
    submitted_at: float = 0.0
    running_at: float = 0.0
    finished_at: float = 0.0
    doubt_since: float = 0.0
    history: Sequence[PastAttempt] = ()
    extra_jobs: Sequence[ExtraJob] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A right to work on a chunk, until its lease ends or a newer fence is raised."""

    key: ChunkKey
    fence: int
    owner: str
    attempt: int

    @property
    def tag(self) -> str:
        """The tag under which this attempt's provider job can be found.

        The same for every claim of an attempt, so that a look-up before the next submission
        also finds a job that the provider listed late.
        """
        return f"jobset-{self.key.set_id}-{self.key.index}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a set's stream: some chunks changed, and so many are left."""

    event_id: str
    index: int
    status: ChunkStatus
    unfinished: int


def task_summary(job_set: SetRecord, index: int) -> str:
    """Return what dashboards show as a task's arguments.

    >>> task_summary(SetRecord("5f", "ghz", "aer", "me", 1000, 5), 16)
    "('ghz', chunk 17 of 200, 'aer')"
    """
    total = f" of {job_set.chunk_count}" if job_set.sealed else ""
    return f"({job_set.name!r}, chunk {index + 1}{total}, {job_set.backend!r})"
