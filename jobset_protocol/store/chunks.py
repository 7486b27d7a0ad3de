"""The worker's side of the store: a chunk's transitions."""

import uuid
from collections.abc import Sequence
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import StaleFenceError, StoreLostError, StoreUnavailableError
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    Claim,
    ErrorRecord,
    JobReference,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.catalogue import settle
from jobset_protocol.store.records import encode_error, encode_reference, text
from jobset_protocol.store.server import LOST, RedisServer, translated

FSYNC_MILLISECONDS = 3000
"""How long a server may take to bring an intent to its disk; by default it does so every second."""
_STALE = b"stale"
_HELD = b"held"


def _codes(*statuses: ChunkStatus) -> str:
    return "".join(status.code for status in statuses)


_ENDED_AT_PROVIDER = _codes(ChunkStatus.SUBMITTED, ChunkStatus.RUNNING)
_WITHOUT_JOB = _codes(
    ChunkStatus.CLAIMED, ChunkStatus.SUBMITTING, ChunkStatus.IN_DOUBT, ChunkStatus.RUNNING
)
_LOST_JOB = _codes(ChunkStatus.SUBMITTED, ChunkStatus.RUNNING, ChunkStatus.COLLECTING)


class RedisChunks(RedisServer):
    """See :class:`jobset_protocol.store.base.ChunkStore`."""

    def _keys(self, key: ChunkKey) -> list[str]:
        set_id, index = key
        parts = ("statuses", "counts", "events", "set")
        return [keys.chunk(set_id, index), *(keys.job_set(set_id, part) for part in parts)]

    def _transition(self, name: str, claim: Claim, *arguments: Any) -> bytes:
        reply = self.scripts.call(
            name, self._keys(claim.key), [claim.key.index, claim.fence, *arguments]
        )
        self._refuse_stale(reply, claim)
        return bytes(reply)

    @staticmethod
    def _refuse_stale(reply: Any, claim: Claim) -> None:
        if reply == _STALE:
            raise StaleFenceError(
                f"chunk {claim.key} is no longer held by claim {claim.fence} of {claim.owner}"
            )

    def _schedule(self, backend: str, key: ChunkKey, delay_seconds: float) -> tuple[Any, ...]:
        due = keys.backend(backend, "due")
        return ("SCRIPT", "schedule", [due], ["0", str(key), delay_seconds])

    @translated
    def claim(
        self,
        key: ChunkKey,
        *,
        backend: str,
        owner: str,
        lease_seconds: float,
        into: ChunkStatus = ChunkStatus.CLAIMED,
        source: int | None = None,
    ) -> tuple[Claim, bytes] | None:
        """See :meth:`ChunkStore.claim`."""
        payload_index = key.index if source is None else source
        arguments = [key.index, owner, uuid.uuid4().hex, lease_seconds,
                     ChunkStatus.QUEUED.code, into.code, self._epoch or ""]  # fmt: skip
        # NX: whoever holds the chunk already has its own time in the schedule.
        schedule = ["1", str(key), lease_seconds]
        taken, _, payload = self.scripts.run(
            [
                ("SCRIPT", "claim", self._keys(key), arguments),
                ("SCRIPT", "schedule", [keys.backend(backend, "due")], schedule),
                ("GET", keys.chunk(key.set_id, payload_index, "payload")),
            ]
        )
        if taken is None:
            return None
        _refuse_lost(taken)
        return Claim(key, int(taken[0]), owner, int(taken[1])), payload or b""

    @translated
    def whole(self, stored: bytes) -> bytes:
        """See :meth:`ChunkStore.whole`."""
        return self.blobs.internalise(stored)

    @translated
    def claim_collection(
        self, key: ChunkKey, *, backend: str, owner: str, lease_seconds: float
    ) -> Claim | None:
        """See :meth:`ChunkStore.claim_collection`."""
        codes = (_ENDED_AT_PROVIDER, ChunkStatus.COLLECTING.code)
        arguments = [key.index, owner, uuid.uuid4().hex, lease_seconds, *codes, self._epoch or ""]
        taken = self.scripts.call("claim", self._keys(key), arguments)
        if taken is None:
            return None
        _refuse_lost(taken)
        self.scripts.run([self._schedule(backend, key, lease_seconds)])
        return Claim(key, int(taken[0]), owner, int(taken[1]))

    @translated
    def extend(self, claim: Claim, *, backend: str, lease_seconds: float) -> None:
        """See :meth:`ChunkStore.extend`."""
        self._transition("extend", claim, lease_seconds)
        self.scripts.run([self._schedule(backend, claim.key, lease_seconds)])

    @translated
    def intend(self, claim: Claim, *, lease_seconds: float | None = None) -> bool:
        """See :meth:`ChunkStore.intend`."""
        lease = "" if lease_seconds is None else lease_seconds
        intent = ("SCRIPT", "intend", self._keys(claim.key),
                  [claim.key.index, claim.fence, claim.tag, lease])  # fmt: skip
        if not self.fsync_intents:
            [reply] = self.scripts.run([intent])
        else:
            reply, (written, _) = self.scripts.run([intent, ("WAITAOF", 1, 0, FSYNC_MILLISECONDS)])
            if not written:
                raise StoreUnavailableError(
                    "the store's server did not bring an intent to its disk in time, so nothing "
                    "is submitted: see its disk, or set JOBSET_FSYNC_INTENTS=0"
                )
        self._refuse_stale(reply, claim)
        return bool(reply == b"ok")

    @translated
    def note_extra_job(
        self, key: ChunkKey, reference: JobReference, *, attempt: int, cancelled: bool
    ) -> None:
        """See :meth:`ChunkStore.note_extra_job`."""
        arguments = [reference.job_id, reference.detail, attempt, int(cancelled)]
        self.scripts.call("note_extra_job", self._keys(key), arguments)

    @translated
    def submitted(
        self, claim: Claim, reference: JobReference, *, backend: str, poll_after_seconds: float
    ) -> None:
        """See :meth:`ChunkStore.submitted`."""
        self._transition("submitted", claim, encode_reference(reference))
        self.scripts.run([self._schedule(backend, claim.key, poll_after_seconds)])

    @translated
    def observed(
        self, record: ChunkRecord, status: ChunkStatus, queue_position: int | None
    ) -> None:
        """See :meth:`ChunkStore.observed`."""
        claim = Claim(record.key, record.fence, record.owner, record.attempt)
        position = "" if queue_position is None else queue_position
        self._transition("observed", claim, status.code, position)

    @translated
    def requeue(
        self,
        claim: Claim,
        *,
        backend: str,
        counter: str,
        error: ErrorRecord | None = None,
        delay_seconds: float | None = None,
        lapsed_only: bool = False,
        only_from: ChunkStatus | None = None,
    ) -> bool:
        """See :meth:`ChunkStore.requeue`."""
        codes = only_from.code if only_from else _WITHOUT_JOB
        reply = self._transition(
            "requeue", claim, codes, counter, encode_error(error), int(lapsed_only), 0
        )
        return self._after_requeue(reply, claim, backend, delay_seconds)

    @translated
    def new_attempt(
        self, claim: Claim, *, backend: str, error: ErrorRecord, delay_seconds: float
    ) -> None:
        """See :meth:`ChunkStore.new_attempt`."""
        reply = self._transition("requeue", claim, _LOST_JOB, "lost", encode_error(error), 0, 1)
        self._after_requeue(reply, claim, backend, delay_seconds)

    def _after_requeue(
        self, reply: bytes, claim: Claim, backend: str, delay_seconds: float | None
    ) -> bool:
        if reply == _HELD:
            return False
        if delay_seconds is None:
            self.scripts.run([("ZREM", keys.backend(backend, "due"), str(claim.key))])
        else:
            self.scripts.run([self._schedule(backend, claim.key, delay_seconds)])
        return True

    @translated
    def doubt(
        self,
        claim: Claim,
        *,
        backend: str,
        error: ErrorRecord | None = None,
        lapsed_only: bool = False,
        look_up_after_seconds: float = 0.0,
    ) -> Claim | None:
        """See :meth:`ChunkStore.doubt`."""
        reply = self._transition("doubt", claim, encode_error(error), int(lapsed_only))
        if reply == _HELD:
            return None
        self.scripts.run([self._schedule(backend, claim.key, look_up_after_seconds)])
        return Claim(claim.key, int(reply), claim.owner, claim.attempt)

    @translated
    def reopen(
        self,
        claim: Claim,
        *,
        backend: str,
        counter: str,
        error: ErrorRecord | None = None,
        lapsed_only: bool = False,
        poll_after_seconds: float = 0.0,
    ) -> bool:
        """See :meth:`ChunkStore.reopen`."""
        reply = self._transition("reopen", claim, counter, encode_error(error), int(lapsed_only))
        if reply == _HELD:
            return False
        self.scripts.run([self._schedule(backend, claim.key, poll_after_seconds)])
        return True

    @translated
    def finish(
        self,
        claim: Claim,
        status: ChunkStatus,
        *,
        backend: str,
        result: bytes | None = None,
        error: ErrorRecord | None = None,
        only_from: ChunkStatus | None = None,
    ) -> None:
        """See :meth:`ChunkStore.finish`."""
        key = claim.key
        script_keys = [*self._keys(key), keys.chunk(*key, "result")]
        blob = self.blobs.externalise(result, key, "result") if result else b""
        seen = only_from.code if only_from else ""
        arguments = [key.index, claim.fence, status.code, encode_error(error), blob, seen]
        # One round trip.  Should the claim be stale, the sweep puts the entry of the chunk's new
        # holder back.
        left, _ = self.scripts.run(
            [
                ("SCRIPT", "finish", script_keys, arguments),
                ("ZREM", keys.backend(backend, "due"), str(key)),
            ]
        )
        self._refuse_stale(left, claim)
        if int(left) == 0:
            settle(self.scripts, key.set_id)

    @translated
    def split(
        self, claim: Claim, job_set: SetRecord, *, backend: str, error: ErrorRecord
    ) -> list[ChunkKey]:
        """See :meth:`ChunkStore.split`."""
        set_id, index = claim.key
        circuits = job_set.circuits_of(index)
        middle = circuits.start + len(circuits) // 2
        script_keys = [
            *self._keys(claim.key),
            keys.job_set(set_id, "parts"),
            keys.job_set(set_id, "ranges"),
        ]
        arguments = [
            index, claim.fence, encode_error(error),
            circuits.start, middle, circuits.stop, job_set.source_of(index),
        ]  # fmt: skip
        first, _ = self.scripts.run(
            [
                ("SCRIPT", "split", script_keys, arguments),
                ("ZREM", keys.backend(backend, "due"), str(claim.key)),
            ]
        )
        self._refuse_stale(first, claim)
        return [ChunkKey(set_id, int(first)), ChunkKey(set_id, int(first) + 1)]


def _refuse_lost(taken: Sequence[bytes]) -> None:
    if taken[0] == b"lost":
        raise StoreLostError(LOST)


def chunk_keys(members: Sequence[bytes]) -> list[ChunkKey]:
    """Read the members of a schedule or of a list of slots."""
    return [ChunkKey.parse(text(member)) for member in members]
