"""A backend's side of the store: schedule, slots, recovery lists, announcements."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from jobset_protocol import keys
from jobset_protocol.messages import BackendSpec, ChunkKey, ErrorRecord, WorkerRecord
from jobset_protocol.store.catalogue import settle
from jobset_protocol.store.chunks import chunk_keys
from jobset_protocol.store.records import encode_error, text
from jobset_protocol.store.server import RedisServer, translated

MESSAGES_KEPT_ASIDE = 1000

RecordT = TypeVar("RecordT", BackendSpec, WorkerRecord)


class RedisBackends(RedisServer):
    """See :class:`jobset_protocol.store.base.BackendStore`."""

    @translated
    def set_aside(self, message: str) -> None:
        """See :meth:`BackendStore.set_aside`."""
        self.scripts.run(
            [
                ("LPUSH", keys.SET_ASIDE, message),
                ("LTRIM", keys.SET_ASIDE, 0, MESSAGES_KEPT_ASIDE - 1),
            ]
        )

    @translated
    def messages_set_aside(self) -> list[str]:
        """See :meth:`BackendStore.messages_set_aside`."""
        return [text(message) for message in self.client.lrange(keys.SET_ASIDE, 0, -1)]

    @translated
    def lease_due(self, backend: str, *, limit: int, lease_seconds: float) -> list[ChunkKey]:
        """See :meth:`BackendStore.lease_due`."""
        due = keys.backend(backend, "due")
        return chunk_keys(self.scripts.call("lease_due", [due], [limit, lease_seconds]))

    @translated
    def reschedule(self, backend: str, delays: Mapping[ChunkKey, float]) -> None:
        """See :meth:`BackendStore.reschedule`."""
        if delays:
            arguments: list[Any] = ["0"]
            for key, seconds in delays.items():
                arguments += [str(key), seconds]
            self.scripts.call("schedule", [keys.backend(backend, "due")], arguments)

    @translated
    def unschedule(self, backend: str, keys_: Iterable[ChunkKey]) -> None:
        """See :meth:`BackendStore.unschedule`."""
        members = [str(key) for key in keys_]
        if members:
            self.client.zrem(keys.backend(backend, "due"), *members)

    @translated
    def next_due_seconds(self, backend: str) -> float | None:
        """See :meth:`BackendStore.next_due_seconds`."""
        seconds = self.scripts.call("next_due", [keys.backend(backend, "due")], [])
        return None if seconds is None else float(seconds)

    @translated
    def scheduled(self, backend: str, keys_: Sequence[ChunkKey]) -> list[bool]:
        """See :meth:`BackendStore.scheduled`."""
        if not keys_:
            return []
        members = [str(key) for key in keys_]
        scores: Any = self.client.zmscore(keys.backend(backend, "due"), members)
        return [score is not None for score in scores]

    @translated
    def take_slot(self, backend: str, key: ChunkKey, *, max_pending: int) -> bool:
        """See :meth:`BackendStore.take_slot`."""
        return bool(self.scripts.call("take_slot", _slots(backend), [str(key), max_pending]))

    @translated
    def release_slot(self, backend: str, key: ChunkKey) -> list[ChunkKey]:
        """See :meth:`BackendStore.release_slot`."""
        return chunk_keys(self.scripts.call("release_slot", _slots(backend), [str(key)]))

    @translated
    def slots(self, backend: str) -> tuple[list[ChunkKey], list[ChunkKey]]:
        """See :meth:`BackendStore.slots`."""
        taken, waiting = self.scripts.run([("ZRANGE", name, 0, -1) for name in _slots(backend)])
        return chunk_keys(taken), chunk_keys(waiting)

    @translated
    def wake_waiting(self, backend: str, *, max_pending: int) -> list[ChunkKey]:
        """See :meth:`BackendStore.wake_waiting`."""
        return chunk_keys(self.scripts.call("wake_waiting", _slots(backend), [max_pending]))

    @translated
    def live_sets(self) -> list[str]:
        """See :meth:`BackendStore.live_sets`."""
        return [text(set_id) for set_id in self.client.zrange(keys.LIVE_SETS, 0, -1)]

    @translated
    def settle_set(self, set_id: str) -> None:
        """See :meth:`BackendStore.settle_set`."""
        settle(self.scripts, set_id)

    @translated
    def fail_unsent(self, set_id: str, error: ErrorRecord, *, idle_seconds: float) -> int:
        """See :meth:`BackendStore.fail_unsent`."""
        script_keys = keys.of_script(set_id, keys.job_set(set_id))
        failed = self.scripts.call("fail_unsent", script_keys, [idle_seconds])
        self.scripts.run(
            [
                ("HSET", keys.chunk(set_id, int(index)), "error", encode_error(error))
                for index in failed
            ]
        )
        return len(failed)

    @translated
    def announce(
        self, worker: WorkerRecord, specs: Sequence[BackendSpec], *, ttl_seconds: float
    ) -> None:
        """See :meth:`BackendStore.announce`."""
        now = self.now()
        record = json.dumps(asdict(replace(worker, backends=tuple(worker.backends), seen_at=now)))
        commands: list[tuple[Any, ...]] = [
            ("SET", keys.worker(worker.worker_id), record, "PX", round(ttl_seconds * 1000)),
            ("ZADD", keys.WORKERS, now, worker.worker_id),
        ]
        commands += [
            ("HSET", keys.BACKENDS, spec.alias, json.dumps(asdict(spec))) for spec in specs
        ]
        self.scripts.run(commands)

    @translated
    def depart(self, worker_id: str) -> None:
        """See :meth:`BackendStore.depart`."""
        self.scripts.run([("DEL", keys.worker(worker_id)), ("ZREM", keys.WORKERS, worker_id)])

    @translated
    def workers(self) -> list[WorkerRecord]:
        """See :meth:`BackendStore.workers`."""
        ids = [text(worker_id) for worker_id in self.client.zrange(keys.WORKERS, 0, -1)]
        found = self.scripts.run([("GET", keys.worker(worker_id)) for worker_id in ids])
        gone = [worker_id for worker_id, record in zip(ids, found, strict=True) if not record]
        if gone:
            self.client.zrem(keys.WORKERS, *gone)
        return [_read(WorkerRecord, record) for record in found if record]

    @translated
    def backends(self) -> dict[str, BackendSpec]:
        """See :meth:`BackendStore.backends`."""
        specs = {
            text(alias): _read(BackendSpec, spec)
            for alias, spec in self.client.hgetall(keys.BACKENDS).items()
        }
        workers = self.workers()
        for alias, spec in specs.items():
            readers = [
                int(worker.versions["qpy"])
                for worker in workers
                if alias in worker.backends and "qpy" in worker.versions
            ]
            if readers:
                specs[alias] = replace(spec, qpy_version=min(readers))
        return specs


def _read(record: type[RecordT], announced: bytes) -> RecordT:
    """Read what a worker announced, whatever a newer one says beyond it."""
    known = {field.name for field in fields(record)}
    document = json.loads(announced)
    return record(**{name: value for name, value in document.items() if name in known})


def _slots(backend: str) -> list[str]:
    return [keys.backend(backend, "slots"), keys.backend(backend, "waiting")]
