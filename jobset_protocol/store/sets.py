"""The client's side of the store: sets, payloads, statuses, results, events."""

import hashlib
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, StoreLostError
from jobset_protocol.messages import ChunkKey, ChunkRecord, Event, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.blob_pointer import MAX_POINTER_BYTES, stated_bytes
from jobset_protocol.store.catalogue import RedisCatalogue, enlist, entries_of, not_found
from jobset_protocol.store.records import (
    chunk_record,
    past_attempts,
    set_fields,
    status_counts,
    text,
)
from jobset_protocol.store.server import translated

_LONGEST_BLOCK_SECONDS = 2.0
_EVENTS_PER_READ = 5000
_TAKES_NO_MORE = {
    b"closed": ("it was deleted, or this client was silent for so long that it was given up"),
    b"cancelled": "it was cancelled while they were sent",
}
_STATUS_BY_BYTE = {ord(status.code): status for status in ChunkStatus}


class RedisSets(RedisCatalogue):
    """See :class:`jobset_protocol.store.base.SetStore`; the catalogue is beside it."""

    @translated
    def create_set(self, record: SetRecord, names: bytes) -> None:
        """See :meth:`SetStore.create_set`."""
        moment = self.now()
        if record.sealed:
            described = replace(record, created_at=moment)
        else:
            described = replace(record, created_at=moment, circuit_count=0)
        set_id = record.set_id
        script_keys = [
            keys.job_set(set_id, part) for part in ("tags", "statuses", "counts", "names", "set")
        ]
        chunks = record.chunk_count if record.sealed else 0
        fields = set_fields(described, self.require_epoch())
        arguments = [chunks, names, len(record.tags), *record.tags, *fields]
        entries = [*entries_of(described), enlist(set_id)]
        if record.retention_seconds is not None:
            ends = moment + record.retention_seconds
            entries.append(("ZADD", keys.SETS_BY_EXPIRY, ends, set_id))
        create = ("SCRIPT", "create_set", script_keys, arguments)
        self.scripts.run([*entries, create, *entries])

    @translated
    def add_chunks(self, set_id: str, first_index: int, payloads: Sequence[bytes]) -> None:
        """See :meth:`SetStore.add_chunks`."""
        stored: list[Any] = []
        for index, payload in enumerate(payloads, first_index):
            blob = self.blobs.externalise(payload, ChunkKey(set_id, index), "payload")
            stored += [keys.chunk(set_id, index, "payload"), blob]
        admit = ("SCRIPT", "admit", keys.of_script(set_id, keys.job_set(set_id)),
                 [first_index, len(payloads)])  # fmt: skip
        if self.scripts.run([("MSET", *stored), admit])[1] == b"gone":
            self._drop_payloads(set_id, first_index, len(payloads))
            raise not_found(set_id)

    @translated
    def grow_set(
        self,
        set_id: str,
        first_index: int,
        payloads: Sequence[bytes],
        *,
        sizes: Sequence[int],
        names: bytes,
    ) -> int:
        """See :meth:`SetStore.grow_set`."""
        script_keys = [
            *keys.of_script(set_id, keys.job_set(set_id)),
            keys.job_set(set_id, "ranges"),
            keys.job_set(set_id, "names"),
        ]
        token = _token_of(first_index, payloads)
        # A file keeps its name, even if its chunk gets another index.
        blobs = [
            self.blobs.externalise(payload, ChunkKey(set_id, index), "payload")
            for index, payload in enumerate(payloads, first_index)
        ]
        while True:
            payload_keys = [
                keys.chunk(set_id, index, "payload")
                for index in range(first_index, first_index + len(blobs))
            ]
            reply = self.scripts.call(
                "grow", [*script_keys, *payload_keys], [first_index, token, names, *sizes, *blobs]
            )
            if reply in _TAKES_NO_MORE:
                raise InvalidStateError(
                    f"job set {set_id} takes no more circuits: {_TAKES_NO_MORE[reply]}"
                )
            if int(reply) == first_index:
                return first_index
            # Parts of a halved chunk took these numbers.
            first_index = int(reply)

    def _drop_payloads(self, set_id: str, first_index: int, number: int) -> None:
        indices = range(first_index, first_index + number)
        self.scripts.run([("UNLINK", *(keys.chunk(set_id, index, "payload") for index in indices))])

    @translated
    def seal_set(self, set_id: str) -> None:
        """See :meth:`SetStore.seal_set`."""
        self.scripts.call("seal_set", keys.of_script(set_id, keys.job_set(set_id)), [])

    @translated
    def retry(self, set_id: str, sources: Mapping[int, int]) -> list[int]:
        """See :meth:`SetStore.retry`."""
        token = uuid.uuid4().hex
        commands: list[tuple[Any, ...]] = []
        for index, source in sources.items():
            script_keys = [
                *keys.of_script(set_id, keys.chunk(set_id, index)),
                keys.chunk(set_id, index, "history"),
                keys.chunk(set_id, source, "payload"),
            ]
            commands.append(("SCRIPT", "retry", script_keys, [index, token]))
        # Before and after: a sweep may settle the set meanwhile, and must not miss a live one.
        replies = self.scripts.run([enlist(set_id), *commands, enlist(set_id)])[1:-1]
        lost = [index for index, reply in zip(sources, replies, strict=True) if reply == b"lost"]
        if lost:
            raise circuits_lost(set_id, lost)
        return [index for index, reply in zip(sources, replies, strict=True) if reply == b"ok"]

    @translated
    def names(self, set_id: str) -> list[bytes]:
        """See :meth:`SetStore.names`."""
        names = self.client.lrange(keys.job_set(set_id, "names"), 0, -1)
        if not names:
            self.set_record(set_id)
        return [bytes(blob) for blob in names]

    @translated
    def statuses(self, set_id: str) -> list[ChunkStatus]:
        """See :meth:`SetStore.statuses`."""
        codes = self.client.get(keys.job_set(set_id, "statuses"))
        if codes is None:
            self.set_record(set_id)
            raise StoreLostError(f"the statuses of job set {set_id} are gone from the store")
        return [_STATUS_BY_BYTE[code] for code in codes]

    @translated
    def counts(self, set_id: str) -> dict[ChunkStatus, int]:
        """See :meth:`SetStore.counts`."""
        found = self.client.hgetall(keys.job_set(set_id, "counts"))
        if not found:
            self.set_record(set_id)
            raise StoreLostError(f"the counts of job set {set_id} are gone from the store")
        return status_counts(found)

    @translated
    def chunks(self, keys_: Iterable[ChunkKey]) -> list[ChunkRecord]:
        """See :meth:`SetStore.chunks`."""
        wanted = list(keys_)
        commands: list[tuple[Any, ...]] = []
        for key in wanted:
            commands.append(("HGETALL", keys.chunk(*key)))
            commands.append(
                ("GETRANGE", keys.job_set(key.set_id, "statuses"), key.index, key.index)
            )
        replies = self.scripts.run(commands)
        records = [
            chunk_record(key, fields, code)
            for key, fields, code in zip(wanted, replies[::2], replies[1::2], strict=True)
        ]
        return self._with_history(records)

    def _with_history(self, records: Sequence[ChunkRecord]) -> list[ChunkRecord]:
        again = [record.key for record in records if record.attempt > 1]
        if not again:
            return list(records)
        lists = self.scripts.run([("LRANGE", keys.chunk(*key, "history"), 0, -1) for key in again])
        histories = dict(zip(again, map(past_attempts, lists), strict=True))
        return [replace(record, history=histories.get(record.key, ())) for record in records]

    @translated
    def payload(self, key: ChunkKey) -> bytes:
        """See :meth:`SetStore.payload`."""
        return self.blobs.internalise(
            required_payload(key, self.client.get(keys.chunk(*key, "payload")))
        )

    @translated
    def results(self, keys_: Iterable[ChunkKey]) -> list[bytes | None]:
        """See :meth:`SetStore.results`."""
        stored = self.scripts.run([("GET", keys.chunk(*key, "result")) for key in keys_])
        return self.blobs.internalise_many(stored)

    @translated
    def result_bytes(self, keys_: Iterable[ChunkKey]) -> list[int | None]:
        """See :meth:`SetStore.result_bytes`."""
        wanted = [keys.chunk(*key, "result") for key in keys_]
        sizes = self.scripts.run([("STRLEN", name) for name in wanted])
        small = [at for at, size in enumerate(sizes) if 0 < int(size) <= MAX_POINTER_BYTES]
        if self.blobs.has_files and small:
            heads = self.scripts.run([("GET", wanted[at]) for at in small])
            for at, head in zip(small, heads, strict=True):
                sizes[at] = stated_bytes(head)
        return [int(size) or None for size in sizes]

    @translated
    def last_event_id(self, set_id: str) -> str:
        """See :meth:`SetStore.last_event_id`."""
        newest = self.client.xrevrange(keys.job_set(set_id, "events"), count=1)
        return text(newest[0][0]) if newest else "0-0"

    @translated
    def wait(self, set_id: str, *, after: str, timeout_seconds: float) -> list[Event]:
        """See :meth:`SetStore.wait`."""
        stream = keys.job_set(set_id, "events")
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = deadline - time.monotonic()
            # Block 0 means for ever.
            block_ms = max(1, round(min(left, _LONGEST_BLOCK_SECONDS) * 1000))
            replies: Any = self.client.xread(
                {stream: after}, count=_EVENTS_PER_READ, block=block_ms
            )
            if replies:
                return [_event(event_id, fields) for event_id, fields in replies[0][1]]
            if time.monotonic() >= deadline:
                return []

    @translated
    def cancel_set(self, set_id: str) -> list[ChunkKey]:
        """See :meth:`SetStore.cancel_set`."""
        held = self.scripts.call("cancel_set", keys.of_script(set_id, keys.job_set(set_id)), [])
        record = self.set_record(set_id)
        live = [ChunkKey(set_id, int(index)) for index in held]
        if live:
            due = keys.backend(record.backend, "due")
            arguments: list[Any] = ["0"]
            for key in live:
                arguments += [str(key), 0]
            self.scripts.call("schedule", [due], arguments)
        return live


def circuits_lost(set_id: str, indices: Sequence[int]) -> StoreLostError:
    """Return the error for chunks that cannot be submitted again."""
    return StoreLostError(
        f"the circuits of chunks {list(indices[:10])} of job set {set_id} are not in the store: "
        "they were never sent, or are gone; submit them again as a new set"
    )


def required_payload(key: ChunkKey, payload: Any) -> bytes:
    """Return a chunk's payload.

    Raises:
        StoreLostError: There is none.
    """
    if payload is None:
        raise StoreLostError(f"the circuits of chunk {key} are gone from the store")
    return bytes(payload)


def _token_of(first_index: int, payloads: Sequence[bytes]) -> str:
    """Name what a client appends, so that the same is not appended twice."""
    digest = hashlib.sha256(str(first_index).encode())
    for payload in payloads:
        digest.update(hashlib.sha256(payload).digest())
    return digest.hexdigest()


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    return Event(
        event_id=text(event_id),
        index=int(fields[b"i"]),
        status=ChunkStatus.from_code(text(fields[b"s"])),
        unfinished=int(fields[b"l"]),
    )
