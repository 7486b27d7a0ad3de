"""The client's side of the store: sets, payloads, statuses, results, events."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, StoreLostError
from jobset_protocol.messages import ChunkKey, ChunkRecord, Event, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.catalogue import RedisCatalogue
from jobset_protocol.store.records import chunk_record, past_attempts, text
from jobset_protocol.store.server import translated

_LONGEST_BLOCK_SECONDS = 2.0
_EVENTS_PER_READ = 5000
_STATUS_BY_BYTE = {ord(status.code): status for status in ChunkStatus}


def set_keys(set_id: str, first: str) -> list[str]:
    """Return the keys that a script on a whole set takes."""
    return [
        first,
        *(keys.job_set(set_id, part) for part in ("statuses", "counts", "events", "set")),
    ]


class RedisSets(RedisCatalogue):
    """See :class:`jobset_protocol.store.base.SetStore`; the catalogue is beside it."""

    @translated
    def create_set(self, record: SetRecord, names: bytes) -> None:
        """See :meth:`SetStore.create_set`."""
        # Imported late, as below: it brings qiskit along, which status and doctor do without.
        from jobset_protocol.codecs.document import encode_document  # noqa: PLC0415

        set_id = record.set_id
        chunks = record.chunk_count if record.sealed else 0
        fields: list[Any] = [
            "name", record.name, "backend", record.backend, "owner", record.owner,
            "epoch", self.require_epoch(), "seed_policy", record.seed_policy,
            "circuits", record.circuit_count if record.sealed else 0,
            "chunk_size", record.chunk_size, "options", encode_document(dict(record.options)),
        ]  # fmt: skip
        if record.retention_seconds is not None:
            fields += ["retention_seconds", record.retention_seconds]
        if not record.sealed:
            fields += ["open", 1]
        script_keys = [
            keys.job_set(set_id, part) for part in ("tags", "statuses", "counts", "names", "set")
        ]
        arguments = [chunks, names, len(record.tags), *record.tags, *fields]
        created = float(self.scripts.call("create_set", script_keys, arguments))
        self.index_set(record, created)

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
            *set_keys(set_id, keys.job_set(set_id)),
            keys.job_set(set_id, "ranges"),
            keys.job_set(set_id, "names"),
        ]
        token = uuid.uuid4().hex
        while True:
            stored: list[Any] = []
            for index, payload in enumerate(payloads, first_index):
                stored += [keys.chunk(set_id, index, "payload"), payload]
            grow = ("SCRIPT", "grow", script_keys, [first_index, token, names, *sizes])
            _, reply = self.scripts.run([("MSET", *stored), grow])
            if reply == b"closed":
                raise InvalidStateError(
                    f"job set {set_id} takes no more circuits: it was deleted, or this client was "
                    "silent for so long that it was given up"
                )
            if int(reply) == first_index:
                return first_index
            # Parts of a halved chunk took these numbers; they have no payloads of their own.
            self.scripts.run(
                [
                    ("UNLINK", keys.chunk(set_id, first_index + offset, "payload"))
                    for offset in range(len(payloads))
                ]
            )
            first_index = int(reply)

    @translated
    def seal_set(self, set_id: str) -> None:
        """See :meth:`SetStore.seal_set`."""
        self.scripts.call("seal_set", set_keys(set_id, keys.job_set(set_id)), [])

    @translated
    def retry(self, set_id: str, sources: Mapping[int, int]) -> list[int]:
        """See :meth:`SetStore.retry`."""
        token = uuid.uuid4().hex
        commands: list[tuple[Any, ...]] = []
        for index, source in sources.items():
            script_keys = [
                *set_keys(set_id, keys.chunk(set_id, index)),
                keys.chunk(set_id, index, "history"),
                keys.chunk(set_id, source, "payload"),
            ]
            commands.append(("SCRIPT", "retry", script_keys, [index, token]))
        # Live before it is: a sweep may look at a settled set, and must not miss a live one.
        self.scripts.run([("ZADD", keys.LIVE_SETS, "NX", time.time(), set_id)])
        replies = self.scripts.run(commands) if commands else []
        lost = [index for index, reply in zip(sources, replies, strict=True) if reply == b"lost"]
        if lost:
            raise StoreLostError(
                f"the circuits of chunks {lost[:10]} of job set {set_id} are not in the store: "
                "they were never sent, or are gone; submit them again as a new set"
            )
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
        for code in (b"left", ChunkStatus.SPLIT.code.encode()):
            found.pop(code, None)
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


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    return Event(
        event_id=text(event_id),
        index=int(fields[b"i"]),
        status=ChunkStatus.from_code(text(fields[b"s"])),
        unfinished=int(fields[b"l"]),
    )
