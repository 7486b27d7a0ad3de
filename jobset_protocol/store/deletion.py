"""Delete sets, whole, with everything that the store holds of them.

First a script takes the set out of everybody's sight: from then on no claim on it holds and no
client finds it.  Then its keys go, its description last, so that a deletion that was interrupted
is taken up again: by a second call, or by the watcher's sweep, which finds the set in the index of
those whose time is up.
"""

import logging
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, JobSetError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.catalogue import RedisCatalogue
from jobset_protocol.store.records import text
from jobset_protocol.store.server import translated

_PAGE = 1000
"""Chunks deleted in one round trip."""
_UNCOUNTED = 512
"""Chunks that a client may store in one batch, and that do not count if it is stopped then."""
_AGAIN_SECONDS = 60.0
_CHUNK_PARTS = (None, "payload", "result", "history")
_SET_PARTS = ("statuses", "counts", "names", "events", "parts", "ranges")
_log = logging.getLogger(__name__)


class RedisDeletion(RedisCatalogue):
    """The part of :class:`jobset_protocol.store.base.SetStore` that deletes sets."""

    @translated
    def delete_set(self, set_id: str, *, force: bool = False) -> bool:
        """See :meth:`SetStore.delete_set`."""
        reply = self._doom(set_id, "force" if force else "final")
        if reply == "live":
            raise InvalidStateError(
                f"job set {set_id} has chunks that are not final: wait for its end, or cancel it, "
                "or delete it with force"
            )
        return self._finish(set_id, reply)

    @translated
    def delete_expired(self, *, limit: int = 100) -> list[str]:
        """See :meth:`BackendStore.delete_expired`."""
        due = self.client.zrange(
            keys.SETS_BY_EXPIRY, "-inf", repr(self.now()), byscore=True, offset=0, num=limit
        )
        return [set_id for set_id in map(text, due) if self._delete_if_expired(set_id)]

    def _delete_if_expired(self, set_id: str) -> bool:
        reply = self._doom(set_id, "expired")
        kind, _, moment = reply.partition(":")
        if kind == "until":
            self.scripts.run([("ZADD", keys.SETS_BY_EXPIRY, moment, set_id)])
        elif kind == "kept":
            self.scripts.run([("ZREM", keys.SETS_BY_EXPIRY, set_id)])
        else:
            try:
                return self._finish(set_id, reply)
            except JobSetError as error:
                # Its files cannot be reached from here: others must not wait for it.
                _log.warning("set %s cannot be deleted yet: %s", set_id, error)
                later = self.now() + _AGAIN_SECONDS
                self.scripts.run([("ZADD", keys.SETS_BY_EXPIRY, later, set_id)])
        return False

    def _doom(self, set_id: str, when: str) -> str:
        """Run the first step; the set's entry says beforehand that there may be more to do."""
        script_keys = keys.of_script(set_id, keys.job_set(set_id))
        _, reply = self.scripts.run(
            [
                ("ZADD", keys.SETS_BY_EXPIRY, 0, set_id),
                ("SCRIPT", "doom", script_keys, [when]),
            ]
        )
        return "" if reply is None else text(reply)

    def _finish(self, set_id: str, reply: str) -> bool:
        """Delete what is left of a set; returns whether anything was."""
        if reply:
            # While the set can still be found, should this be interrupted.
            self.blobs.delete_set(set_id)
            self._delete_keys(set_id, int(reply.removeprefix("doomed:")))
        indexes = (keys.SETS_BY_TIME, keys.LIVE_SETS, keys.SETS_BY_EXPIRY)
        self.scripts.run([("ZREM", index, set_id) for index in indexes])
        return bool(reply)

    def _delete_keys(self, set_id: str, chunks: int) -> None:
        fields, tags = self.scripts.run(
            [("HGETALL", keys.job_set(set_id)), ("SMEMBERS", keys.job_set(set_id, "tags"))]
        )
        if not fields:
            return
        indices = range(chunks + _UNCOUNTED)
        for first in range(0, len(indices), _PAGE):
            page = indices[first : first + _PAGE]
            self._delete_chunks(set_id, text(fields[b"backend"]), page)
        self.scripts.run([("UNLINK", *(keys.job_set(set_id, part) for part in _SET_PARTS))])
        commands: list[tuple[Any, ...]] = [
            ("ZREM", keys.sets_by_tag(text(tag)), set_id) for tag in tags
        ]
        commands.append(("ZREM", keys.sets_by_name(text(fields[b"name"])), set_id))
        if b"idempotency_key" in fields:
            key = keys.idempotency(text(fields[b"owner"]), text(fields[b"idempotency_key"]))
            commands.append(("SCRIPT", "drop_key", [key], [set_id]))
        commands.append(("UNLINK", keys.job_set(set_id, "tags"), keys.job_set(set_id)))
        self.scripts.run(commands)

    def _delete_chunks(self, set_id: str, backend: str, indices: range) -> None:
        members = [str(ChunkKey(set_id, index)) for index in indices]
        commands: list[tuple[Any, ...]] = [
            ("ZREM", keys.backend(backend, part), *members) for part in ("due", "slots", "waiting")
        ]
        commands.append(
            ("UNLINK", *(keys.chunk(set_id, i, part) for i in indices for part in _CHUNK_PARTS))
        )
        self.scripts.run(commands)
