"""Everything that the server holds of a set and of its backend, read past the store's readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobset_protocol import keys
from jobset_protocol.messages import ChunkKey
from jobset_protocol.statuses import FINAL, ChunkStatus
from jobset_protocol.store import RedisStore

FINAL_CODES = frozenset(status.code for status in FINAL)
HELD_CODES = frozenset(
    status.code
    for status in ChunkStatus
    if status not in (*FINAL, ChunkStatus.UNSENT, ChunkStatus.QUEUED)
)


@dataclass(frozen=True)
class View:
    """A set and its backend at one moment; ``codes`` is empty once the set is deleted."""

    codes: str
    counts: dict[str, int]
    is_open: bool
    is_live: bool
    events: Sequence[tuple[str, int, str, int]]
    due: Sequence[str]
    slots: Sequence[str]
    waiting: Sequence[str]
    chunks: Sequence[dict[bytes, bytes]]
    payloads: Sequence[bool]

    @property
    def unfinished(self) -> int:
        """Chunks that are not final, and one more while others may come."""
        return sum(code not in FINAL_CODES for code in self.codes) + self.is_open

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more: all is final, or deleted, and left behind clean."""
        return not (self.unfinished or self.is_live or self.due or self.slots or self.waiting)

    def at(self, *statuses: ChunkStatus) -> list[int]:
        """Return the chunks in these statuses."""
        codes = {status.code for status in statuses}
        return [index for index, code in enumerate(self.codes) if code in codes]

    def fence_of(self, key: ChunkKey) -> int:
        """Return a chunk's fence."""
        return int(self.chunks[key.index].get(b"fence", 0)) if self.chunks else 0


def look(store: RedisStore, set_id: str, alias: str, *, after: str = "-") -> View:
    """Read a set and its backend.

    Args:
        store: One that nothing befalls.
        set_id: The set.
        alias: Its backend.
        after: Only events from this id on, in XRANGE's notation.
    """
    lists = ("due", "slots", "waiting")
    codes, counts, is_open, score, events, *members = store.scripts.run(
        [
            ("GET", keys.job_set(set_id, "statuses")),
            ("HGETALL", keys.job_set(set_id, "counts")),
            ("HEXISTS", keys.job_set(set_id), "open"),
            ("ZSCORE", keys.LIVE_SETS, set_id),
            ("XRANGE", keys.job_set(set_id, "events"), after, "+"),
            *[("ZRANGE", keys.backend(alias, part), 0, -1) for part in lists],
        ]
    )
    text = "" if codes is None else codes.decode()
    indices = range(len(text))
    commands: list[tuple[Any, ...]] = [("HGETALL", keys.chunk(set_id, index)) for index in indices]
    commands += [("EXISTS", keys.chunk(set_id, index, "payload")) for index in indices]
    found = store.scripts.run(commands) if commands else []
    due, slots, waiting = ([member.decode() for member in part] for part in members)
    return View(
        codes=text,
        counts={code.decode(): int(number) for code, number in counts.items() if int(number)},
        is_open=bool(is_open) and bool(text or counts),
        is_live=score is not None,
        events=[_event(event_id, fields) for event_id, fields in events],
        due=due,
        slots=slots,
        waiting=waiting,
        chunks=found[: len(text)],
        payloads=[bool(exists) for exists in found[len(text) :]],
    )


def _event(event_id: bytes, items: Sequence[bytes]) -> tuple[str, int, str, int]:
    fields = dict(zip(items[::2], items[1::2], strict=True))
    return event_id.decode(), int(fields[b"i"]), fields[b"s"].decode(), int(fields[b"l"])
