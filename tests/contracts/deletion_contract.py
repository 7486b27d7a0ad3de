"""Deleting sets, keeping them for a while, and importing them."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, JobSetNotFoundError, StaleFenceError
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    ExtraJob,
    JobReference,
    Part,
    PastAttempt,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, Store
from jobset_protocol.store.base import StoredChunk
from tests.contracts.store_suite import ERROR, LEASE, StoreSuite, send_twice

DONE, FAILED, SPLIT = ChunkStatus.DONE, ChunkStatus.FAILED, ChunkStatus.SPLIT


class DeletionContract(StoreSuite):
    """The suite; a subclass gives the fixture ``store``."""

    # -- deleting

    def grown(self, store: Store, alias: str) -> SetRecord:
        """A set with all that a set may have, at its end."""
        record = SetRecord(
            uuid.uuid4().hex, alias, alias, "me", 0, 4, {}, (alias, "b"), sealed=False,
            retention_seconds=1e6, idempotency_key=alias,
        )  # fmt: skip
        store.create_set(record, b"")
        store.claim_key("me", alias, record.set_id)
        store.grow_set(record.set_id, 0, [b"0", b"1"], sizes=[2, 3], names=b"n")
        store.seal_set(record.set_id)
        job_set = store.set_record(record.set_id)
        claim = self.claim(store, job_set, 0)
        store.split(claim, job_set, backend=alias, error=ERROR)
        job_set = store.set_record(record.set_id)
        for index in (1, 2, 3):
            failed = self.claim(store, job_set, index)
            store.finish(failed, FAILED, backend=alias, error=ERROR)
        store.retry(record.set_id, {1: 1})
        store.finish(self.claim(store, job_set, 1), DONE, backend=alias, result=b"r")
        return store.set_record(record.set_id)

    def test_a_deleted_set_leaves_nothing(self, store: RedisStore, alias: str) -> None:
        job_set = self.grown(store, alias)
        assert len(self.keys_of(store, job_set)) > 15
        assert store.delete_set(job_set.set_id)
        assert self.keys_of(store, job_set) == []
        assert not store.delete_set(job_set.set_id)
        for call in (store.set_record, store.statuses, store.counts, store.cancel_set):
            with pytest.raises(JobSetNotFoundError):
                call(job_set.set_id)

    def test_a_set_that_is_not_over_is_not_deleted(self, store: Store, job_set: SetRecord) -> None:
        claim = self.claim(store, job_set)
        with pytest.raises(InvalidStateError, match="not final"):
            store.delete_set(job_set.set_id)
        assert store.payload(claim.key) == b"zero"
        # The watcher's sweep does not take the attempt for a deletion.
        assert store.delete_expired() == []
        assert store.delete_set(job_set.set_id, force=True)

    def test_an_interrupted_deletion_is_taken_up_again(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever deletes may die at any moment; a second call or the sweep goes on."""
        run = store.scripts.run
        for dies_at in range(1, 6):
            for again in (
                store.delete_set,
                lambda _: store.delete_expired(),
            ):
                job_set = self.grown(store, alias)
                left = iter(range(dies_at, -1, -1))

                def run_some(commands: list[Any], left: Iterator[int] = left) -> list[Any]:
                    if next(left) == 0:
                        run(commands[: len(commands) // 2])
                        raise KeyboardInterrupt
                    return run(commands)

                with monkeypatch.context() as patch:
                    patch.setattr(store.scripts, "run", run_some)
                    with pytest.raises(KeyboardInterrupt):
                        store.delete_set(job_set.set_id)
                with pytest.raises(JobSetNotFoundError):
                    store.set_record(job_set.set_id)
                assert self.ids(store, name=alias) == []
                again(job_set.set_id)
                assert self.keys_of(store, job_set) == []

    def test_deleting_wakes_who_waits(self, store: Store, job_set: SetRecord) -> None:
        after = store.last_event_id(job_set.set_id)
        store.delete_set(job_set.set_id, force=True)
        assert store.last_event_id(job_set.set_id) == "0-0"
        with pytest.raises(JobSetNotFoundError):
            store.counts(job_set.set_id)
        assert store.wait(job_set.set_id, after=after, timeout_seconds=0) == []

    def test_a_claim_on_a_deleted_set_changes_nothing(
        self, store: RedisStore, job_set: SetRecord
    ) -> None:
        backend = job_set.backend
        key = ChunkKey(job_set.set_id, 1)
        claim, submitted = self.claim(store, job_set, 0), self.submit(store, job_set, 2)
        record = self.chunk(store, submitted)
        store.take_slot(backend, claim.key, max_pending=1)
        store.take_slot(backend, key, max_pending=1)
        store.delete_set(job_set.set_id, force=True)
        for write in (
            lambda: store.intend(claim),
            lambda: store.extend(claim, backend=backend, lease_seconds=LEASE),
            lambda: store.finish(claim, DONE, backend=backend, result=b"late"),
            lambda: store.finish(claim, FAILED, backend=backend, error=ERROR),
            lambda: store.split(claim, job_set, backend=backend, error=ERROR),
            lambda: store.requeue(claim, backend=backend, counter="crash"),
            lambda: store.doubt(claim, backend=backend),
            lambda: store.reopen(claim, backend=backend, counter=""),
            lambda: store.observed(record, ChunkStatus.RUNNING, 3),
            lambda: store.new_attempt(submitted, backend=backend, error=ERROR, delay_seconds=0),
            lambda: store.submitted(
                claim, JobReference("late"), backend=backend, poll_after_seconds=0
            ),
        ):
            with pytest.raises(StaleFenceError):
                write()
        assert store.claim_collection(key, backend=backend, owner="w", lease_seconds=LEASE) is None
        assert store.claim(key, backend=backend, owner="w", lease_seconds=LEASE) is None
        assert store.scheduled(backend, [claim.key, submitted.key]) == [False, False]
        assert store.slots(backend) == ([], [])
        assert store.fail_unsent(job_set.set_id, ERROR, idle_seconds=0) == 0
        assert store.retry(job_set.set_id, {0: 0}) == []
        store.seal_set(job_set.set_id)
        store.settle_set(job_set.set_id)
        store.unschedule(backend, [key])
        assert self.keys_of(store, job_set) == []

    def test_claims_are_stale_from_the_first_step_of_a_deletion(
        self, store: RedisStore, job_set: SetRecord
    ) -> None:
        # Given a deletion that has not reached the chunks yet
        claim = self.claim(store, job_set)
        script_keys = keys.of_script(job_set.set_id, keys.job_set(job_set.set_id))
        store.scripts.call("doom", script_keys, ["force"])
        for write in (
            lambda: store.finish(claim, DONE, backend=job_set.backend, result=b"late"),
            lambda: store.split(claim, job_set, backend=job_set.backend, error=ERROR),
            lambda: store.intend(claim),
        ):
            with pytest.raises(StaleFenceError):
                write()
        store.delete_set(job_set.set_id)
        assert self.keys_of(store, job_set) == []

    def test_a_client_that_still_sends_to_a_deleted_set_is_told(
        self, store: RedisStore, alias: str
    ) -> None:
        planned = SetRecord(uuid.uuid4().hex, "a", alias, "me", 2, 1)
        growing = SetRecord(uuid.uuid4().hex, "b", alias, "me", 0, 1, sealed=False)
        for record in (planned, growing):
            store.create_set(record, b"")
            store.delete_set(record.set_id, force=True)
        with pytest.raises(JobSetNotFoundError):
            store.add_chunks(planned.set_id, 0, [b"0"])
        with pytest.raises(InvalidStateError, match="was deleted"):
            store.grow_set(growing.set_id, 0, [b"0"], sizes=[1], names=b"n")
        assert self.keys_of(store, planned) == self.keys_of(store, growing) == []

    # -- retention

    def test_sets_whose_time_is_up_are_deleted(self, store: RedisStore, alias: str) -> None:
        short = self.make(store, alias, retention_seconds=1e-6)
        long = self.make(store, alias, retention_seconds=1e6)
        for_ever = self.make(store, alias)
        # Not before the set's end, however short.
        assert short.set_id not in store.delete_expired()
        for job_set in (short, long, for_ever):
            self.end_all(store, job_set)
        store.client.zadd(keys.SETS_BY_EXPIRY, {long.set_id: 0, for_ever.set_id: 0})
        assert store.delete_expired() == [short.set_id]
        assert self.keys_of(store, short) == []
        assert self.ids(store, backend=alias) == [for_ever.set_id, long.set_id]
        # Those that stay are looked at when they must be, or never.
        ends = store.set_record(long.set_id).finished_at + 1e6
        assert store.client.zscore(keys.SETS_BY_EXPIRY, long.set_id) == pytest.approx(ends, abs=1)
        assert store.client.zscore(keys.SETS_BY_EXPIRY, for_ever.set_id) is None

    def test_a_set_that_is_not_over_is_looked_at_later(self, store: RedisStore, alias: str) -> None:
        job_set = self.make(store, alias, retention_seconds=50.0)
        store.client.zadd(keys.SETS_BY_EXPIRY, {job_set.set_id: 1})
        assert store.delete_expired() == []
        due = store.client.zscore(keys.SETS_BY_EXPIRY, job_set.set_id)
        assert due == pytest.approx(store.now() + 50, abs=5)

    def test_retention_is_changed(self, store: RedisStore, alias: str) -> None:
        job_set = self.make(store, alias)
        self.end_all(store, job_set)
        store.update_retention(job_set.set_id, 60.0)
        assert store.set_record(job_set.set_id).retention_seconds == 60
        assert store.delete_expired() == []
        store.update_retention(job_set.set_id, None)
        assert store.set_record(job_set.set_id).retention_seconds is None
        assert store.client.zscore(keys.SETS_BY_EXPIRY, job_set.set_id) is None
        store.update_retention(job_set.set_id, 1e-6)
        assert store.delete_expired() == [job_set.set_id]

    # -- sets from elsewhere

    def chunks_of(self, set_id: str) -> list[StoredChunk]:
        def chunk(index: int, status: ChunkStatus, **fields: Any) -> ChunkRecord:
            return replace(self.past_chunk(set_id, index, status), **fields)

        past = PastAttempt(1, FAILED, JobReference("j", "d"), ERROR, 5.25)
        extra = (ExtraJob(JobReference("a:b", "d"), 1, True, 1234.5),)
        return [
            StoredChunk(chunk(0, SPLIT, error=ERROR), b"zero", None),
            StoredChunk(chunk(1, DONE, attempt=2, history=(past,)), b"one", b"r1"),
            StoredChunk(chunk(2, FAILED, error=ERROR, tries={"crash": 3}), None, None),
            StoredChunk(
                chunk(3, DONE, reference=JobReference("k", ""), extra_jobs=extra), None, b"r3"
            ),
        ]

    def past_chunk(self, set_id: str, index: int, status: ChunkStatus) -> ChunkRecord:
        return ChunkRecord(
            ChunkKey(set_id, index), status, fence=4, owner="w", tag="t",
            queued_at=1.5, claimed_at=2.5, finished_at=1234.000001,
        )  # fmt: skip

    def exported(self, alias: str) -> SetRecord:
        return SetRecord(
            uuid.uuid4().hex, alias, alias, "me", 5, 4, {"shots": 3}, ("b", alias),
            created_at=1e9 + 0.123456, finished_at=1e9 + 5, cancelled=True,
            seed_policy="same_for_all",
            ranges=(range(4), range(4, 5), range(2), range(2, 4)),
            parts={2: Part(0, 2, 0, 0), 3: Part(2, 4, 0, 0)},
        )  # fmt: skip

    def test_an_imported_set_reads_back_as_it_was(self, store: RedisStore, alias: str) -> None:
        record = self.exported(alias)
        chunks = self.chunks_of(record.set_id)
        store.import_set(record, [b"n0", b"n1"], iter(chunks))
        assert store.set_record(record.set_id) == replace(record, tags=tuple(sorted(record.tags)))
        assert store.names(record.set_id) == [b"n0", b"n1"]
        assert store.statuses(record.set_id) == [chunk.record.status for chunk in chunks]
        assert store.counts(record.set_id) == {DONE: 2, FAILED: 1}
        keys_ = [chunk.record.key for chunk in chunks]
        assert store.chunks(keys_) == [chunk.record for chunk in chunks]
        assert store.results(keys_) == [None, b"r1", None, b"r3"]
        assert store.payload(keys_[0]) == b"zero"
        for query in ({"name": alias}, {"tag": "b"}, {"until": 1.1e9}):
            assert record.set_id in self.ids(store, **query)
        assert record.set_id not in store.live_sets()
        assert store.delete_expired() == []
        # It is a set like any other.
        assert store.retry(record.set_id, {3: 0, 2: 0}) == [2]
        assert store.delete_set(record.set_id, force=True)
        assert self.keys_of(store, record) == []

    def test_no_set_is_imported_over_another(self, store: Store, alias: str) -> None:
        there = self.make(store, alias)
        record = replace(self.exported(alias), set_id=there.set_id)
        with pytest.raises(InvalidStateError, match="already"):
            store.import_set(record, [], self.chunks_of(there.set_id))
        assert store.set_record(there.set_id) == there

    def test_an_import_that_fails_leaves_nothing(self, store: RedisStore, alias: str) -> None:
        record = self.exported(alias)

        def chunks() -> Iterator[StoredChunk]:
            yield self.chunks_of(record.set_id)[0]
            assert self.ids(store, name=alias) == []
            raise ValueError("damaged")

        with pytest.raises(ValueError, match="damaged"):
            store.import_set(record, [b"n"], chunks())
        assert self.keys_of(store, record) == []

    def test_an_import_whose_client_died_is_swept_or_repeated(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = self.exported(alias)
        chunks = self.chunks_of(record.set_id)
        for again in (True, False):
            with monkeypatch.context() as patch:
                patch.setattr(store, "_withdraw", lambda *_: None)
                patch.setattr(store, "_complete", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    store.import_set(record, [b"n"], chunks)
            with pytest.raises(JobSetNotFoundError):
                store.set_record(record.set_id)
            assert store.delete_expired() == []
            if again:
                store.import_set(record, [b"n"], chunks)
                assert store.names(record.set_id) == [b"n"]
                store.delete_set(record.set_id)
            else:
                store.client.zadd(keys.SETS_BY_EXPIRY, {record.set_id: 1})
                assert store.delete_expired() == [record.set_id]
            assert self.keys_of(store, record) == []

    def test_importing_with_lost_replies_writes_nothing_twice(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = self.exported(alias)
        chunks = self.chunks_of(record.set_id)
        with monkeypatch.context() as patch:
            send_twice(store, patch)
            store.import_set(record, [b"n0", b"n1"], chunks)
        assert store.names(record.set_id) == [b"n0", b"n1"]
        assert store.chunks([chunks[1].record.key]) == [chunks[1].record]
        assert store.counts(record.set_id) == {DONE: 2, FAILED: 1}
