"""The catalogue of sets: their descriptions, and the indexes that find them.

The sets are the truth.  An index holds ids only, and may name a set that is gone or that does not
fit any more: every find reads the sets themselves.  An entry is written before what it stands for
and again after it; whoever drops one looks at the set again afterwards, and puts it back if it
fits by then.  So nothing that exists is ever without its entries, whoever dies where.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import SetRecord
from jobset_protocol.set_status import SetStatus
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.records import set_record, status_counts, text
from jobset_protocol.store.scripts import Scripts
from jobset_protocol.store.server import RedisServer, translated

_PAGE = 200
Command = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SetQuery:
    """Which sets to find; ``None`` means any.

    Args:
        name: Their name.
        tag: One of their tags.
        since: Earliest creation, seconds since the epoch.
        until: Latest creation, seconds since the epoch.
        backend: The backend's alias.
        owner: Who submitted them.
        status: What became of them.
    """

    name: str | None = None
    tag: str | None = None
    since: float | None = None
    until: float | None = None
    backend: str | None = None
    owner: str | None = None
    status: SetStatus | None = None

    @property
    def index(self) -> str:
        """The key of the narrowest index that holds all of them."""
        if self.name is not None:
            return keys.sets_by_name(self.name)
        return keys.SETS_BY_TIME if self.tag is None else keys.sets_by_tag(self.tag)

    def belongs(self, record: SetRecord) -> bool:
        """Whether a set belongs in :attr:`index` at all."""
        if self.name is not None:
            return record.name == self.name
        return self.tag is None or self.tag in record.tags

    def fits(self, record: SetRecord, counts: Mapping[ChunkStatus, int]) -> bool:
        """Whether a set is one of those."""
        return (
            self.name in (None, record.name)
            and (self.tag is None or self.tag in record.tags)
            and (self.since is None or record.created_at >= self.since)
            and (self.until is None or record.created_at <= self.until)
            and self.backend in (None, record.backend)
            and self.owner in (None, record.owner)
            and self.status in (None, SetStatus.of(counts, abandoned=record.abandoned))
        )


class RedisCatalogue(RedisServer):
    """The part of :class:`jobset_protocol.store.base.SetStore` that finds and describes sets."""

    @translated
    def set_record(self, set_id: str) -> SetRecord:
        """See :meth:`SetStore.set_record`."""
        [record] = self._records([set_id])
        if record is None:
            raise not_found(set_id)
        return record

    def _records(self, set_ids: Sequence[str]) -> list[SetRecord | None]:
        parts = ("set", "tags", "parts", "ranges")
        commands: list[Command] = [
            ("SCRIPT", "read_set", [keys.job_set(set_id, part) for part in parts], [])
            for set_id in set_ids
        ]
        return [
            _record(set_id, *reply)
            for set_id, reply in zip(set_ids, self.scripts.run(commands), strict=True)
        ]

    @translated
    def find_sets(
        self,
        *,
        name: str | None = None,
        tag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        backend: str | None = None,
        owner: str | None = None,
        status: SetStatus | None = None,
        limit: int | None = None,
    ) -> list[SetRecord]:
        """See :meth:`SetStore.find_sets`."""
        query = SetQuery(name, tag, since, until, backend, owner, status)
        found: list[SetRecord] = []
        for set_ids in self._pages(query):
            records = self._records(set_ids)
            there = [record for record in records if record is not None]
            fitting = self._fitting(query, there)
            found += fitting
            belonging = {record.set_id for record in there if query.belongs(record)}
            self._drop_entries(query, [each for each in set_ids if each not in belonging])
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def _pages(self, query: SetQuery) -> Iterator[list[str]]:
        """Yield ids from the query's index, the newest first."""
        lowest = "-inf" if query.since is None else repr(query.since)
        highest = "+inf" if query.until is None else repr(query.until)
        skip = 0
        while True:
            # From where the last page ended, not from its offset: entries come and go meanwhile.
            page = self.client.zrange(
                query.index, highest, lowest,
                desc=True, byscore=True, offset=skip, num=_PAGE, withscores=True,
            )  # fmt: skip
            if page:
                yield [text(member) for member, _ in page]
            if len(page) < _PAGE:
                return
            last = repr(page[-1][1])
            skip = sum(repr(score) == last for _, score in page) + (skip if last == highest else 0)
            highest = last

    def _fitting(self, query: SetQuery, records: Sequence[SetRecord]) -> list[SetRecord]:
        if query.status is None:
            return [record for record in records if query.fits(record, {})]
        counts = self.scripts.run(
            [("HGETALL", keys.job_set(record.set_id, "counts")) for record in records]
        )
        return [
            record
            for record, found in zip(records, counts, strict=True)
            if found and query.fits(record, status_counts(found))
        ]

    def _drop_entries(self, query: SetQuery, set_ids: Sequence[str]) -> None:
        """Drop entries that do not belong in an index, unless they do by now."""
        if not set_ids:
            return
        self.scripts.run([("ZREM", query.index, *set_ids)])
        for record in self._records(set_ids):
            if record is not None and query.belongs(record):
                self.scripts.run([("ZADD", query.index, record.created_at, record.set_id)])

    @translated
    def recent_counts(self, *, limit: int) -> dict[str, dict[ChunkStatus, int]]:
        """See :meth:`SetStore.recent_counts`."""
        newest, live = self.scripts.run(
            [
                ("ZRANGE", index, 0, limit - 1, "REV")
                for index in (keys.SETS_BY_TIME, keys.LIVE_SETS)
            ]
        )
        set_ids = [text(member) for member in dict.fromkeys([*newest, *live])]
        found = self.scripts.run(
            [("HGETALL", keys.job_set(set_id, "counts")) for set_id in set_ids]
        )
        return {
            set_id: status_counts(counts)
            for set_id, counts in zip(set_ids, found, strict=True)
            if counts
        }

    @translated
    def rename_set(self, set_id: str, name: str) -> None:
        """See :meth:`SetStore.rename_set`."""
        record = self.set_record(set_id)
        index = keys.sets_by_name(name)
        self._describe(set_id, "name", [name], [("ZADD", index, record.created_at, set_id)])
        if name != record.name:
            self.client.zrem(keys.sets_by_name(record.name), set_id)

    @translated
    def retag_set(self, set_id: str, tags: Sequence[str]) -> None:
        """See :meth:`SetStore.retag_set`."""
        record = self.set_record(set_id)
        entries = [("ZADD", keys.sets_by_tag(tag), record.created_at, set_id) for tag in tags]
        self._describe(set_id, "tags", tags, entries)
        gone = set(record.tags).difference(tags)
        self.scripts.run([("ZREM", keys.sets_by_tag(tag), set_id) for tag in gone])

    @translated
    def update_retention(self, set_id: str, seconds: float | None) -> None:
        """See :meth:`SetStore.update_retention`."""
        record = self.set_record(set_id)
        if seconds is None:
            self._describe(set_id, "retention_seconds", [], [])
            self.client.zrem(keys.SETS_BY_EXPIRY, set_id)
            return
        ends = (record.finished_at or self.now()) + seconds
        entries = [("ZADD", keys.SETS_BY_EXPIRY, ends, set_id)]
        self._describe(set_id, "retention_seconds", [seconds], entries)

    def _describe(
        self, set_id: str, field: str, values: Sequence[Any], entries: Sequence[Command]
    ) -> None:
        """Change a description, with the index entries that stand for what it will be."""
        script_keys = keys.of_script(set_id, keys.job_set(set_id, "tags"))
        change = ("SCRIPT", "describe", script_keys, [field, *values])
        replies = self.scripts.run([*entries, change, *entries])
        if replies[len(entries)] == b"gone":
            self.scripts.run([("ZREM", index, set_id) for _, index, *_ in entries])
            raise not_found(set_id)

    @translated
    def claim_key(self, owner: str, key: str, set_id: str) -> str:
        """See :meth:`SetStore.claim_key`."""
        gone = ""
        while True:
            arguments = [set_id, gone]
            holder = text(self.scripts.call("claim_key", [keys.idempotency(owner, key)], arguments))
            if holder == set_id or self._records([holder]) != [None]:
                return holder
            gone = holder

    @translated
    def set_with_key(self, owner: str, key: str) -> SetRecord | None:
        """See :meth:`SetStore.set_with_key`."""
        holder = self.client.get(keys.idempotency(owner, key))
        return self._records([text(holder)])[0] if holder else None


def _record(
    set_id: str, fields: list[bytes], tags: list[bytes], parts: list[bytes], ranges: bytes | None
) -> SetRecord | None:
    described = _mapping(fields)
    if not described or b"deleted" in described:
        return None
    return set_record(set_id, described, tags, _mapping(parts), ranges)


def _mapping(items: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(items[::2], items[1::2], strict=True))


def entries_of(record: SetRecord) -> list[Command]:
    """Return the commands that enter a set in the indexes by which it is found."""
    indexes = [keys.SETS_BY_TIME, keys.sets_by_name(record.name)]
    indexes += [keys.sets_by_tag(tag) for tag in record.tags]
    return [("ZADD", index, record.created_at, record.set_id) for index in indexes]


def settle(scripts: Scripts, set_id: str) -> None:
    """Take a set off the live list, unless it has chunks that are not final (again)."""
    # Before anything is dropped: a caller that dies in between must not hide a live set.
    [left] = scripts.run([("HGET", keys.job_set(set_id, "counts"), "left")])
    if left is not None and int(left) > 0:
        return
    _, left = scripts.run(
        [("ZREM", keys.LIVE_SETS, set_id), ("HGET", keys.job_set(set_id, "counts"), "left")]
    )
    if left is not None and int(left) > 0:
        scripts.run([enlist(set_id)])


def enlist(set_id: str) -> Command:
    """Return the command that puts a set on the live list."""
    return ("ZADD", keys.LIVE_SETS, "NX", time.time(), set_id)


def not_found(set_id: str) -> JobSetNotFoundError:
    """Return the error for a set that is not there."""
    return JobSetNotFoundError(
        f"no job set has the id {set_id!r}; `jobset ls` lists those that exist"
    )
