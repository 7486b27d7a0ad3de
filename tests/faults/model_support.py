"""What the model of the store needs: calls that fail, a provider that counts, a view of a set."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from jobset_protocol import keys
from jobset_protocol.messages import JobReference, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore


class Mishap(Enum):
    """What befalls a call; a number: so many commands arrive before the caller dies."""

    NONE = "none"
    RESENT = "resent"
    """The connection lost a reply and sent its commands again."""
    REPEATED = "repeated"
    """The caller lost the answer and calls again."""
    NO_COMMAND = 0
    ONE_COMMAND = 1
    TWO_COMMANDS = 2
    THREE_COMMANDS = 3


class CallerDied(Exception):  # noqa: N818  (what happened, not what is wrong)
    """The caller ended in the middle of a call."""


@contextmanager
def befallen(store: RedisStore, mishap: Mishap) -> Iterator[None]:
    """Let a mishap befall each call within, except the repeating, which is the caller's."""
    scripts: Any = store.scripts
    run = scripts.run
    left = mishap.value

    def resend(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        run(commands)
        return list(run(commands))

    def die_within(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        nonlocal left
        assert isinstance(left, int)
        if left < len(commands):
            if left:
                run(commands[:left])
            raise CallerDied
        left -= len(commands)
        return list(run(commands))

    if mishap is Mishap.RESENT:
        scripts.run = resend
    elif isinstance(left, int):
        scripts.run = die_within
    try:
        yield
    finally:
        scripts.run = run


@dataclass
class CountingProvider:
    """A provider that is never wrong, and knows every job it ever made, by tag."""

    jobs: dict[str, list[JobReference]] = field(default_factory=lambda: defaultdict(list))

    def submit(self, tag: str) -> JobReference:
        """Make a job."""
        reference = JobReference(f"{tag}/{len(self.jobs[tag])}")
        self.jobs[tag].append(reference)
        return reference

    def find(self, tag: str) -> list[JobReference]:
        """Look a tag up."""
        return list(self.jobs[tag])


@dataclass(frozen=True)
class View:
    """Everything that the server holds of a set's state, read at one moment."""

    codes: str
    counts: dict[str, int]
    is_open: bool
    chunks: Sequence[dict[bytes, bytes]]
    payloads: Sequence[bool]
    is_live: bool

    @property
    def unfinished(self) -> int:
        """Chunks that are not final, and one more while others may come."""
        final = {status.code for status in ChunkStatus if status.is_final}
        return sum(code not in final for code in self.codes) + self.is_open


def view(store: RedisStore, set_id: str) -> View:
    """Read a set, past the store's own readers."""
    codes, counts, is_open, score = store.scripts.run(
        [
            ("GET", keys.job_set(set_id, "statuses")),
            ("HGETALL", keys.job_set(set_id, "counts")),
            ("HEXISTS", keys.job_set(set_id), "open"),
            ("ZSCORE", keys.LIVE_SETS, set_id),
        ]
    )
    text = codes.decode()
    indices = range(len(text))
    chunks = store.scripts.run([("HGETALL", keys.chunk(set_id, index)) for index in indices])
    stored = [("EXISTS", keys.chunk(set_id, index, "payload")) for index in indices]
    return View(
        text,
        {code.decode(): int(number) for code, number in counts.items() if int(number)},
        bool(is_open),
        chunks,
        [bool(found) for found in store.scripts.run(stored)],
        score is not None,
    )


def leaf_circuits(record: SetRecord, codes: str) -> list[int]:
    """Return the circuits of all chunks that were not halved, sorted."""
    leaves = [index for index, code in enumerate(codes) if code != ChunkStatus.SPLIT.code]
    return sorted(circuit for index in leaves for circuit in record.circuits_of(index))


Call = Callable[[], Any]


class NoMessages:
    """A dispatcher that keeps what it was asked to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Keep a submission's messages."""
        self.sent += [(job_set.set_id, index) for index in indices]

    def collect(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Drop a collection's messages."""

    def waiting_messages(self, backend: str) -> int:
        """Return that the broker is empty."""
        return 0
