"""The client's side of the store: sets, payloads, statuses, results, events."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError, StoreLostError
from jobset_protocol.messages import ChunkKey, ChunkRecord, Event, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.records import chunk_record, text
from jobset_protocol.store.server import RedisServer, translated

_LONGEST_BLOCK_SECONDS = 2.0
_EVENTS_PER_READ = 5000
_STATUS_BY_BYTE = {ord(status.code): status for status in ChunkStatus}


def set_keys(set_id: str, first: str) -> list[str]:
    """Return the keys that a script on a whole set takes."""
    return [
        first,
        *(keys.job_set(set_id, part) for part in ("statuses", "counts", "events", "set")),
    ]


class RedisSets(RedisServer):
    """See :class:`jobset_protocol.store.base.SetStore`."""

    @translated
    def create_set(self, record: SetRecord, names: bytes) -> None:
        """See :meth:`SetStore.create_set`."""
        # Imported late, as below: it brings qiskit along, which status and doctor do without.
        from jobset_protocol.codecs.document import encode_document  # noqa: PLC0415

        set_id = record.set_id
        fields: list[Any] = [
            "name", record.name, "backend", record.backend, "owner", record.owner,
            "epoch", self.require_epoch(),
            "circuits", record.circuit_count, "chunk_size", record.chunk_size,
            "options", encode_document(dict(record.options)),
        ]  # fmt: skip
        script_keys = [
            keys.job_set(set_id, part) for part in ("tags", "statuses", "counts", "names", "set")
        ]
        arguments = [record.chunk_count, names, len(record.tags), *record.tags, *fields]
        created = float(self.scripts.call("create_set", script_keys, arguments))
        self.scripts.run(
            [
                ("ZADD", keys.SETS_BY_TIME, created, set_id),
                ("ZADD", keys.LIVE_SETS, created, set_id),
                ("ZADD", keys.sets_by_name(record.name), created, set_id),
            ]
        )

    @translated
    def add_chunks(self, set_id: str, first_index: int, payloads: Sequence[bytes]) -> None:
        """See :meth:`SetStore.add_chunks`."""
        stored: list[Any] = []
        for offset, payload in enumerate(payloads):
            stored += [keys.chunk(set_id, first_index + offset, "payload"), payload]
        admit = ("SCRIPT", "admit", set_keys(set_id, keys.job_set(set_id)),
                 [first_index, len(payloads)])  # fmt: skip
        self.scripts.run([("MSET", *stored), admit])

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
        replies = self.scripts.run(commands)
        return [
            _set_record(set_id, fields, tags) if fields else None
            for set_id, fields, tags in zip(set_ids, replies[::2], replies[1::2], strict=True)
        ]

    @translated
    def names(self, set_id: str) -> bytes:
        """See :meth:`SetStore.names`."""
        names = self.client.get(keys.job_set(set_id, "names"))
        if names is None:
            raise StoreLostError(f"the circuit names of job set {set_id} are gone from the store")
        return bytes(names)

    @translated
    def find_sets(self, *, name: str | None = None, limit: int | None = None) -> list[SetRecord]:
        """See :meth:`SetStore.find_sets`."""
        index = keys.SETS_BY_TIME if name is None else keys.sets_by_name(name)
        last = -1 if limit is None else limit - 1
        found = self.client.zrange(index, 0, last, desc=True)
        return [record for record in self._records([text(member) for member in found]) if record]

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
        found.pop(b"left", None)
        return {ChunkStatus.from_code(text(code)): int(n) for code, n in found.items() if int(n)}

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
        return [
            chunk_record(key, fields, code)
            for key, fields, code in zip(wanted, replies[::2], replies[1::2], strict=True)
        ]

    @translated
    def payload(self, key: ChunkKey) -> bytes:
        """See :meth:`SetStore.payload`."""
        return required_payload(key, self.client.get(keys.chunk(*key, "payload")))

    @translated
    def results(self, keys_: Iterable[ChunkKey]) -> list[bytes | None]:
        """See :meth:`SetStore.results`."""
        return self.scripts.run([("GET", keys.chunk(*key, "result")) for key in keys_])

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
        held = self.scripts.call("cancel_set", set_keys(set_id, keys.job_set(set_id)), [])
        record = self.set_record(set_id)
        live = [ChunkKey(set_id, int(index)) for index in held]
        if live:
            due = keys.backend(record.backend, "due")
            arguments: list[Any] = ["0"]
            for key in live:
                arguments += [str(key), 0]
            self.scripts.call("schedule", [due], arguments)
        return live


def required_payload(key: ChunkKey, payload: Any) -> bytes:
    """Return a chunk's payload.

    Raises:
        StoreLostError: There is none.
    """
    if payload is None:
        raise StoreLostError(f"the circuits of chunk {key} are gone from the store")
    return bytes(payload)


def _set_record(set_id: str, fields: dict[bytes, bytes], tags: Iterable[bytes]) -> SetRecord:
    from jobset_protocol.codecs.document import decode_document  # noqa: PLC0415

    return SetRecord(
        set_id=set_id,
        name=text(fields[b"name"]),
        backend=text(fields[b"backend"]),
        owner=text(fields[b"owner"]),
        circuit_count=int(fields[b"circuits"]),
        chunk_size=int(fields[b"chunk_size"]),
        options=decode_document(fields[b"options"]),
        tags=tuple(sorted(text(tag) for tag in tags)),
        created_at=float(fields[b"created_at"]),
        cancelled=b"cancelled" in fields,
    )


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    return Event(
        event_id=text(event_id),
        index=int(fields[b"i"]),
        status=ChunkStatus.from_code(text(fields[b"s"])),
        unfinished=int(fields[b"l"]),
    )
