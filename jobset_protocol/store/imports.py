"""Write a set that was exported elsewhere.

While it is being written, the set looks like one that is being deleted: nobody sees it, and should
the client die, the watcher's sweep removes what there is.  One script then shows it whole.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError
from jobset_protocol.messages import SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import StoredChunk
from jobset_protocol.store.blobs import Part
from jobset_protocol.store.catalogue import Command, entries_of
from jobset_protocol.store.deletion import RedisDeletion
from jobset_protocol.store.records import (
    chunk_fields,
    encode_history,
    encode_ranges,
    set_fields,
)
from jobset_protocol.store.server import translated

SILENCE_SECONDS = 600.0
"""How long an import may pause before the sweep removes what it wrote."""
_BATCH_BYTES = 1_000_000
_BATCH_CHUNKS = 200


class RedisImports(RedisDeletion):
    """The part of :class:`jobset_protocol.store.base.SetStore` that imports sets."""

    @translated
    def import_set(
        self, record: SetRecord, names: Sequence[bytes], chunks: Iterable[StoredChunk]
    ) -> None:
        """See :meth:`SetStore.import_set`."""
        # It is kept until somebody deletes it, and no run may find it by its key here.
        described = replace(record, retention_seconds=None, idempotency_key=None)
        token = uuid.uuid4().hex
        self._begin(described, token)
        try:
            self._write_description(described, names)
            statuses = self._write_chunks(described, chunks)
            self._complete(described, token, statuses)
        except BaseException:
            self._withdraw(record.set_id, token)
            raise

    def _begin(self, record: SetRecord, token: str) -> None:
        script_keys = keys.of_script(record.set_id, keys.job_set(record.set_id))
        arguments = [token, record.chunk_count, *set_fields(record, self.require_epoch())]
        begin: Command = ("SCRIPT", "begin_import", script_keys, arguments)
        _, reply = self.scripts.run([self._renewal(record.set_id), begin])
        if reply == b"half":
            # What another import or a deletion has left is in the way.
            self.delete_set(record.set_id)
            _, reply = self.scripts.run([self._renewal(record.set_id), begin])
        if reply != b"ok":
            raise InvalidStateError(
                f"there is a job set {record.set_id} already: delete it before you import another "
                "one with this id"
            )

    def _withdraw(self, set_id: str, token: str) -> None:
        # Unless another import of the same set has begun anew.
        if self.client.hget(keys.job_set(set_id), "import") == token.encode():
            self._finish(set_id, self._doom(set_id, "final"))

    def _renewal(self, set_id: str) -> Command:
        return ("ZADD", keys.SETS_BY_EXPIRY, self.now() + SILENCE_SECONDS, set_id)

    def _write_description(self, record: SetRecord, names: Sequence[bytes]) -> None:
        set_id = record.set_id
        key = {part: keys.job_set(set_id, part) for part in ("tags", "names", "parts", "ranges")}
        # What appends must begin anew when a lost reply makes it run twice.
        commands: list[Command] = [("UNLINK", *key.values())]
        commands += [("RPUSH", key["names"], blob) for blob in names]
        if record.tags:
            commands.append(("SADD", key["tags"], *record.tags))
        commands += [
            ("HSET", key["parts"], index, ":".join(map(str, part)))
            for index, part in record.parts.items()
        ]
        if record.ranges is not None:
            commands.append(("SET", key["ranges"], encode_ranges(record.ranges)))
        self.scripts.run(commands)

    def _write_chunks(self, record: SetRecord, chunks: Iterable[StoredChunk]) -> list[ChunkStatus]:
        statuses: list[ChunkStatus] = []
        commands: list[Command] = []
        batch_bytes = 0
        for chunk in chunks:
            statuses.append(chunk.record.status)
            commands += self._commands_of(chunk)
            batch_bytes += len(chunk.payload or b"") + len(chunk.result or b"")
            if batch_bytes >= _BATCH_BYTES or len(statuses) % _BATCH_CHUNKS == 0:
                self.scripts.run([*commands, self._renewal(record.set_id)])
                commands, batch_bytes = [], 0
        self.scripts.run([*commands, self._renewal(record.set_id)])
        return statuses

    def _complete(self, record: SetRecord, token: str, statuses: Sequence[ChunkStatus]) -> None:
        counts: list[Any] = []
        for status, number in Counter(statuses).items():
            counts += [status.code, number]
        codes = "".join(status.code for status in statuses)
        script_keys = keys.of_script(record.set_id, keys.job_set(record.set_id))
        complete = ("SCRIPT", "complete_import", script_keys, [token, codes, *counts])
        entries = entries_of(record)
        replies = self.scripts.run([*entries, complete, *entries])
        if replies[len(entries)] == b"gone":
            raise InvalidStateError(
                f"the import of job set {record.set_id} was interrupted by another import of it, "
                "or was silent for too long: import it again"
            )
        self.scripts.run([("ZREM", keys.SETS_BY_EXPIRY, record.set_id)])

    def _commands_of(self, chunk: StoredChunk) -> list[Command]:
        key = chunk.record.key
        fields = [item for field in chunk_fields(chunk.record).items() for item in field]
        commands: list[Command] = [("HSET", keys.chunk(*key), *fields)]
        blobs: dict[Part, bytes | None] = {"payload": chunk.payload, "result": chunk.result}
        commands += [
            ("SET", keys.chunk(*key, part), self.blobs.externalise(blob, key, part))
            for part, blob in blobs.items()
            if blob is not None
        ]
        history = encode_history(chunk.record.history)
        if history:
            commands.append(("UNLINK", keys.chunk(*key, "history")))
            commands.append(("RPUSH", keys.chunk(*key, "history"), *history))
        return commands
