"""The catalogue of sets: their descriptions, and the indexes that find them.

The sets are the truth.  An index holds ids only, is written after its set, and may name a set that
is gone or that does not fit any more: every find reads the sets themselves.
"""

from collections.abc import Sequence

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import SetRecord
from jobset_protocol.store.records import set_record, text
from jobset_protocol.store.server import RedisServer, translated

_READS_PER_RECORD = 4


class RedisCatalogue(RedisServer):
    """The part of :class:`jobset_protocol.store.base.SetStore` that finds and describes sets."""

    def index_set(self, record: SetRecord, created_at: float) -> None:
        """Enter a set in the indexes, and among the live sets unless all its chunks are final."""
        set_id = record.set_id
        indexes = [keys.SETS_BY_TIME, keys.LIVE_SETS, keys.sets_by_name(record.name)]
        indexes += [keys.sets_by_tag(tag) for tag in record.tags]
        commands = [("ZADD", index, created_at, set_id) for index in indexes]
        self.scripts.run(commands)

    @translated
    def set_record(self, set_id: str) -> SetRecord:
        """See :meth:`SetStore.set_record`."""
        [record] = self._records([set_id])
        if record is None:
            raise JobSetNotFoundError(
                f"no job set has the id {set_id!r}; `jobset ls` lists those that exist"
            )
        return record

    def _records(self, set_ids: Sequence[str]) -> list[SetRecord | None]:
        commands: list[tuple[str, ...]] = []
        for set_id in set_ids:
            commands.append(("HGETALL", keys.job_set(set_id)))
            commands.append(("SMEMBERS", keys.job_set(set_id, "tags")))
            commands.append(("HGETALL", keys.job_set(set_id, "parts")))
            commands.append(("GET", keys.job_set(set_id, "ranges")))
        replies = self.scripts.run(commands)
        return [
            set_record(set_id, *replies[first : first + _READS_PER_RECORD])
            if replies[first]
            else None
            for set_id, first in zip(
                set_ids, range(0, len(replies), _READS_PER_RECORD), strict=True
            )
        ]

    @translated
    def find_sets(self, *, name: str | None = None, limit: int | None = None) -> list[SetRecord]:
        """See :meth:`SetStore.find_sets`."""
        index = keys.SETS_BY_TIME if name is None else keys.sets_by_name(name)
        last = -1 if limit is None else limit - 1
        found = self.client.zrange(index, 0, last, desc=True)
        return [record for record in self._records([text(member) for member in found]) if record]

    @translated
    def rename_set(self, set_id: str, name: str) -> None:
        """See :meth:`SetStore.rename_set`."""
        record = self.set_record(set_id)
        # The new entry first: whatever happens between, the set is found under its name.
        self.scripts.run(
            [
                ("ZADD", keys.sets_by_name(name), record.created_at, set_id),
                ("HSET", keys.job_set(set_id), "name", name),
            ]
        )
        if name != record.name:
            self.client.zrem(keys.sets_by_name(record.name), set_id)

    @translated
    def retag_set(self, set_id: str, tags: Sequence[str]) -> None:
        """See :meth:`SetStore.retag_set`."""
        record = self.set_record(set_id)
        key = keys.job_set(set_id, "tags")
        gone = set(record.tags).difference(tags)
        commands: list[tuple[object, ...]] = [
            ("ZADD", keys.sets_by_tag(tag), record.created_at, set_id) for tag in tags
        ]
        if tags:
            commands.append(("SADD", key, *tags))
        if gone:
            commands.append(("SREM", key, *gone))
        commands += [("ZREM", keys.sets_by_tag(tag), set_id) for tag in gone]
        if commands:
            self.scripts.run(commands)
