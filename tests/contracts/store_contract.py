"""What every store must do: on fakeredis in ``unit``, on a real Valkey in ``integration``."""

import itertools
import json
import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError, StaleFenceError, StoreLostError
from jobset_protocol.messages import (
    BackendSpec,
    ChunkKey,
    JobReference,
    SetRecord,
    WorkerRecord,
)
from jobset_protocol.statuses import FINAL, TRANSITIONS, ChunkStatus
from jobset_protocol.store import RedisStore, Store
from tests.contracts.store_suite import ERROR, LEASE, StoreSuite, send_twice

LAPSED = -1.0


class StoreContract(StoreSuite):
    """The suite; a subclass gives the fixture ``store``."""

    # -- sets

    def test_a_set_reads_back_as_it_was_written(self, store: Store, job_set: SetRecord) -> None:
        found = store.set_record(job_set.set_id)
        assert (found.name, found.backend, found.owner) == ("ghz", job_set.backend, "me")
        assert (found.circuit_count, found.chunk_size, found.chunk_count) == (10, 4, 3)
        assert found.options == {"shots": 7, "x": 1j}
        assert found.tags == ("a", "b")
        assert abs(found.created_at - store.now()) < 60
        assert store.names(job_set.set_id) == [b"names"]

    def test_creating_a_set_twice_changes_nothing(self, store: Store, job_set: SetRecord) -> None:
        self.claim(store, job_set)
        store.create_set(job_set, b"others")
        assert store.names(job_set.set_id) == [b"names"]
        assert store.statuses(job_set.set_id)[0] is ChunkStatus.CLAIMED

    def test_an_unknown_set_is_not_found(self, store: Store) -> None:
        with pytest.raises(JobSetNotFoundError, match="no job set has the id"):
            store.set_record("0" * 32)
        with pytest.raises(JobSetNotFoundError):
            store.statuses("0" * 32)
        with pytest.raises(JobSetNotFoundError):
            store.counts("0" * 32)
        with pytest.raises(JobSetNotFoundError, match="0" * 32):
            store.chunks([ChunkKey("0" * 32, 0)])
        with pytest.raises(JobSetNotFoundError):
            store.cancel_set("0" * 32)

    def test_sets_are_found_by_name_newest_first(self, store: Store, alias: str) -> None:
        name = uuid.uuid4().hex
        ids = [uuid.uuid4().hex for _ in range(3)]
        for set_id in ids:
            store.create_set(SetRecord(set_id, name, alias, "me", 1, 1), b"")
        assert [record.set_id for record in store.find_sets(name=name)] == ids[::-1]
        assert [record.set_id for record in store.find_sets(name=name, limit=1)] == ids[-1:]
        assert store.find_sets(limit=1)[0].set_id == ids[-1]
        assert store.find_sets(name="no such name") == []

    def test_chunks_are_unsent_until_their_circuits_are_stored(
        self, store: Store, alias: str
    ) -> None:
        record = SetRecord(uuid.uuid4().hex, "a", alias, "me", 3, 1)
        store.create_set(record, b"")
        store.add_chunks(record.set_id, 0, [b"0"])
        assert store.statuses(record.set_id) == [
            ChunkStatus.QUEUED,
            ChunkStatus.UNSENT,
            ChunkStatus.UNSENT,
        ]
        assert store.counts(record.set_id) == {ChunkStatus.QUEUED: 1, ChunkStatus.UNSENT: 2}
        assert store.payload(ChunkKey(record.set_id, 0)) == b"0"
        with pytest.raises(StoreLostError):
            store.payload(ChunkKey(record.set_id, 1))

    def test_adding_chunks_twice_disturbs_no_claim(self, store: Store, job_set: SetRecord) -> None:
        self.claim(store, job_set)
        store.add_chunks(job_set.set_id, 0, [b"zero", b"one"])
        assert store.counts(job_set.set_id) == {ChunkStatus.CLAIMED: 1, ChunkStatus.QUEUED: 2}

    def test_chunks_of_a_silent_client_fail(self, store: Store, alias: str) -> None:
        record = SetRecord(uuid.uuid4().hex, "a", alias, "me", 3, 1)
        store.create_set(record, b"")
        store.add_chunks(record.set_id, 0, [b"0"])
        assert store.fail_unsent(record.set_id, ERROR, idle_seconds=60) == 0
        assert store.fail_unsent(record.set_id, ERROR, idle_seconds=0) == 2
        assert store.counts(record.set_id) == {ChunkStatus.QUEUED: 1, ChunkStatus.FAILED: 2}
        [chunk] = store.chunks([ChunkKey(record.set_id, 2)])
        assert chunk.error == ERROR

    # -- claims and fences

    def test_only_one_claim_succeeds(self, store: Store, job_set: SetRecord) -> None:
        key = ChunkKey(job_set.set_id, 1)
        taken = store.claim(key, backend=job_set.backend, owner="w1", lease_seconds=LEASE)
        again = store.claim(key, backend=job_set.backend, owner="w2", lease_seconds=LEASE)
        assert taken is not None
        assert taken[1] == b"one"
        assert again is None
        record = self.chunk(store, taken[0])
        assert (record.owner, record.fence, record.status) == ("w1", 1, ChunkStatus.CLAIMED)
        assert record.lease_until > store.now()

    def test_a_claim_is_in_the_schedule(self, store: Store, job_set: SetRecord) -> None:
        claim = self.claim(store, job_set, lease=LEASE)
        assert store.scheduled(job_set.backend, [claim.key]) == [True]
        due = store.next_due_seconds(job_set.backend)
        assert due is not None
        assert LEASE - 5 < due <= LEASE

    def test_a_new_claim_fences_the_old_one_out(self, store: Store, job_set: SetRecord) -> None:
        old = self.claim(store, job_set, lease=LAPSED)
        assert store.requeue(old, backend=job_set.backend, counter="crash", lapsed_only=True)
        new = self.claim(store, job_set)
        assert new.fence > old.fence
        assert new.tag == old.tag
        with pytest.raises(StaleFenceError):
            store.intend(old)
        with pytest.raises(StaleFenceError):
            store.extend(old, backend=job_set.backend, lease_seconds=LEASE)
        with pytest.raises(StaleFenceError):
            store.finish(old, ChunkStatus.DONE, backend=job_set.backend, result=b"late")
        with pytest.raises(StaleFenceError):
            store.requeue(old, backend=job_set.backend, counter="")
        assert store.results([old.key]) == [None]
        assert store.intend(new)

    def test_a_reference_after_a_doubt_is_recorded_though_its_reply_is_lost(
        self, store: RedisStore, job_set: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A refusal would make the worker cancel the job that was just recorded.
        claim = self.claim(store, job_set)
        store.intend(claim)
        store.doubt(claim, backend=job_set.backend)
        send_twice(store, monkeypatch)
        store.submitted(claim, JobReference("job"), backend=job_set.backend, poll_after_seconds=0)
        assert self.chunk(store, claim).reference == JobReference("job")

    def test_settling_that_is_cut_short_hides_no_live_set(
        self, store: RedisStore, job_set: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = store.scripts.run

        def die_after_one(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
            run(commands[:1])
            raise InterruptedError

        with monkeypatch.context() as patch:
            patch.setattr(store.scripts, "run", die_after_one)
            with pytest.raises(InterruptedError):
                store.settle_set(job_set.set_id)
        assert job_set.set_id in store.live_sets()

    def test_a_requeued_chunk_refuses_its_last_holder(
        self, store: Store, job_set: SetRecord
    ) -> None:
        old = self.claim(store, job_set)
        store.requeue(old, backend=job_set.backend, counter="")
        with pytest.raises(StaleFenceError):
            store.finish(old, ChunkStatus.DONE, backend=job_set.backend, result=b"late")

    def test_a_lease_that_holds_is_respected(self, store: Store, job_set: SetRecord) -> None:
        claim = self.claim(store, job_set)
        backend = job_set.backend
        assert not store.requeue(claim, backend=backend, counter="crash", lapsed_only=True)
        assert store.intend(claim)
        assert store.doubt(claim, backend=backend, lapsed_only=True) is None
        assert self.chunk(store, claim).status is ChunkStatus.SUBMITTING

    def test_extending_a_lease_keeps_it(self, store: Store, job_set: SetRecord) -> None:
        claim = self.claim(store, job_set, lease=LAPSED)
        store.extend(claim, backend=job_set.backend, lease_seconds=LEASE)
        assert not store.requeue(claim, backend=job_set.backend, counter="", lapsed_only=True)

    def test_a_local_claim_runs_at_once(self, store: Store, job_set: SetRecord) -> None:
        taken = store.claim(
            ChunkKey(job_set.set_id, 0),
            backend=job_set.backend,
            owner="w",
            lease_seconds=LEASE,
            into=ChunkStatus.RUNNING,
        )
        assert taken is not None
        assert self.chunk(store, taken[0]).running_at > 0
        store.finish(taken[0], ChunkStatus.DONE, backend=job_set.backend, result=b"r")
        assert store.results([taken[0].key]) == [b"r"]
        assert store.result_bytes([taken[0].key, ChunkKey(taken[0].key.set_id, 999)]) == [1, None]

    # -- a chunk's life

    def test_a_chunk_lives_from_queued_to_done(self, store: Store, job_set: SetRecord) -> None:
        claim = self.submit(store, job_set)
        record = self.chunk(store, claim)
        assert record.status is ChunkStatus.SUBMITTED
        assert record.reference == JobReference("job-0")
        assert record.tag == claim.tag
        store.observed(record, ChunkStatus.RUNNING, None)
        collection = store.claim_collection(
            claim.key, backend=job_set.backend, owner="w2", lease_seconds=LEASE
        )
        assert collection is not None
        store.finish(collection, ChunkStatus.DONE, backend=job_set.backend, result=b"r")
        assert store.counts(job_set.set_id) == {ChunkStatus.DONE: 1, ChunkStatus.QUEUED: 2}
        assert store.scheduled(job_set.backend, [claim.key]) == [False]
        seen = [
            event.status for event in store.wait(job_set.set_id, after="0-0", timeout_seconds=1)
        ]
        assert seen[2:] == [
            ChunkStatus.CLAIMED,
            ChunkStatus.SUBMITTING,
            ChunkStatus.SUBMITTED,
            ChunkStatus.RUNNING,
            ChunkStatus.COLLECTING,
            ChunkStatus.DONE,
        ]

    def test_every_move_is_a_legal_transition(self, store: Store, job_set: SetRecord) -> None:
        claim = self.submit(store, job_set)
        store.observed(self.chunk(store, claim), ChunkStatus.RUNNING, 3)
        store.new_attempt(claim, backend=job_set.backend, error=ERROR, delay_seconds=0)
        again = self.claim(store, job_set)
        store.intend(again)
        doubt = store.doubt(again, backend=job_set.backend)
        assert doubt is not None
        store.finish(doubt, ChunkStatus.UNCERTAIN, backend=job_set.backend, error=ERROR)
        events = store.wait(job_set.set_id, after="0-0", timeout_seconds=1)
        path = [event.status for event in events if event.index == 0]
        assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(path))
        assert path[-1] in FINAL

    def test_repeated_calls_change_nothing_more(self, store: Store, job_set: SetRecord) -> None:
        """A client repeats a call whose reply was lost."""
        backend = job_set.backend
        claim = self.claim(store, job_set)
        assert store.intend(claim)
        assert store.intend(claim)
        for _ in range(2):
            store.submitted(claim, JobReference("j"), backend=backend, poll_after_seconds=0)
        collection = store.claim_collection(
            claim.key, backend=backend, owner="w", lease_seconds=LEASE
        )
        assert collection is not None
        for _ in range(2):
            store.finish(collection, ChunkStatus.DONE, backend=backend, result=b"r")
        other = self.claim(store, job_set, 1)
        for _ in range(2):
            assert store.requeue(other, backend=backend, counter="transient", error=ERROR)
        third = self.claim(store, job_set, 2)
        store.intend(third)
        first, second = (store.doubt(third, backend=backend) for _ in range(2))
        assert first == second
        assert self.chunk(store, other).tries == {"transient": 1}
        assert store.counts(job_set.set_id) == {
            ChunkStatus.DONE: 1,
            ChunkStatus.QUEUED: 1,
            ChunkStatus.IN_DOUBT: 1,
        }

    def test_a_final_status_is_never_left(self, store: Store, job_set: SetRecord) -> None:
        claim = self.claim(store, job_set)
        store.finish(claim, ChunkStatus.FAILED, backend=job_set.backend, error=ERROR)
        with pytest.raises(StaleFenceError):
            store.finish(claim, ChunkStatus.DONE, backend=job_set.backend, result=b"r")
        with pytest.raises(StaleFenceError):
            store.requeue(claim, backend=job_set.backend, counter="")
        assert self.chunk(store, claim).error == ERROR

    def test_a_chunk_with_a_live_job_is_not_requeued(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.submit(store, job_set)
        store.observed(self.chunk(store, claim), ChunkStatus.RUNNING, None)
        with pytest.raises(StaleFenceError):
            store.requeue(claim, backend=job_set.backend, counter="")

    def test_submitting_never_lapses_back_to_queued_but_into_doubt(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.claim(store, job_set, lease=LAPSED)
        store.intend(claim)
        doubt = store.doubt(claim, backend=job_set.backend, error=ERROR, lapsed_only=True)
        assert doubt is not None
        record = self.chunk(store, claim)
        assert record.status is ChunkStatus.IN_DOUBT
        assert record.doubt_since > 0
        store.submitted(doubt, JobReference("j"), backend=job_set.backend, poll_after_seconds=0)
        assert self.chunk(store, claim).reference == JobReference("j")

    def test_the_call_in_doubt_may_still_bring_its_reference_but_not_a_second_one(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.claim(store, job_set, lease=LAPSED)
        store.intend(claim)
        doubt = store.doubt(claim, backend=job_set.backend)
        assert doubt is not None
        store.submitted(claim, JobReference("j"), backend=job_set.backend, poll_after_seconds=0)
        for late in (claim, doubt):
            with pytest.raises(StaleFenceError):
                store.submitted(
                    late, JobReference("k"), backend=job_set.backend, poll_after_seconds=0
                )
        assert self.chunk(store, claim).reference == JobReference("j")

    def test_a_lost_job_gets_a_new_tag(self, store: Store, job_set: SetRecord) -> None:
        claim = self.submit(store, job_set)
        store.new_attempt(claim, backend=job_set.backend, error=ERROR, delay_seconds=0)
        record = self.chunk(store, claim)
        assert (record.attempt, record.reference, record.status) == (2, None, ChunkStatus.QUEUED)
        assert self.claim(store, job_set).tag != claim.tag

    def test_a_collection_that_failed_is_polled_again(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.submit(store, job_set)
        collection = store.claim_collection(
            claim.key, backend=job_set.backend, owner="w", lease_seconds=LEASE
        )
        assert collection is not None
        assert store.reopen(collection, backend=job_set.backend, counter="collect", error=ERROR)
        record = self.chunk(store, claim)
        assert (record.status, record.tries) == (ChunkStatus.SUBMITTED, {"collect": 1})
        assert record.reference is not None

    def test_a_poll_writes_queue_position_and_status(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.submit(store, job_set)
        store.observed(self.chunk(store, claim), ChunkStatus.SUBMITTED, 12)
        assert self.chunk(store, claim).queue_position == 12
        store.observed(self.chunk(store, claim), ChunkStatus.RUNNING, None)
        record = self.chunk(store, claim)
        assert (record.queue_position, record.status) == (None, ChunkStatus.RUNNING)

    # -- cancelling

    def test_cancelling_ends_what_nobody_holds(self, store: Store, job_set: SetRecord) -> None:
        claim = self.submit(store, job_set)
        assert store.cancel_set(job_set.set_id) == [claim.key]
        assert store.cancel_set(job_set.set_id) == [claim.key]
        assert store.counts(job_set.set_id) == {ChunkStatus.SUBMITTED: 1, ChunkStatus.CANCELLED: 2}
        assert store.set_record(job_set.set_id).cancelled
        key = ChunkKey(job_set.set_id, 1)
        assert store.claim(key, backend=job_set.backend, owner="w", lease_seconds=LEASE) is None

    def test_cancelling_stops_a_claim_before_its_submission(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.claim(store, job_set)
        store.cancel_set(job_set.set_id)
        assert not store.intend(claim)

    def test_a_requeued_chunk_of_a_cancelled_set_ends_cancelled(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim = self.claim(store, job_set)
        store.cancel_set(job_set.set_id)
        for _ in range(2):
            assert store.requeue(claim, backend=job_set.backend, counter="")
        assert store.counts(job_set.set_id) == {ChunkStatus.CANCELLED: 3}

    # -- events

    def test_events_tell_how_many_chunks_are_left(self, store: Store, job_set: SetRecord) -> None:
        before = store.last_event_id(job_set.set_id)
        for index in range(3):
            claim = self.claim(store, job_set, index)
            store.finish(claim, ChunkStatus.DONE, backend=job_set.backend, result=b"r")
        events = store.wait(job_set.set_id, after=before, timeout_seconds=1)
        left = [event.unfinished for event in events if event.status is ChunkStatus.DONE]
        assert left == [2, 1, 0]
        assert store.wait(job_set.set_id, after=events[-1].event_id, timeout_seconds=0.05) == []

    def test_waiting_wakes_at_an_event(self, store: Store, job_set: SetRecord) -> None:
        before = store.last_event_id(job_set.set_id)
        waker = threading.Timer(0.1, self.claim, args=(store, job_set))
        waker.start()
        events = store.wait(job_set.set_id, after=before, timeout_seconds=10)
        waker.join()
        assert [event.status for event in events] == [ChunkStatus.CLAIMED]

    # -- schedule and slots

    def test_due_chunks_are_leased_once(self, store: Store, alias: str) -> None:
        keys = [ChunkKey("a" * 32, index) for index in range(5)]
        store.reschedule(alias, dict.fromkeys(keys, -1.0) | {keys[4]: 60.0})
        first = store.lease_due(alias, limit=3, lease_seconds=LEASE)
        second = store.lease_due(alias, limit=3, lease_seconds=LEASE)
        assert sorted(first + second) == keys[:4]
        assert store.lease_due(alias, limit=3, lease_seconds=LEASE) == []
        store.unschedule(alias, keys[:2])
        assert store.scheduled(alias, keys) == [False, False, True, True, True]

    def test_a_lease_on_the_schedule_lapses(self, store: Store, alias: str) -> None:
        key = ChunkKey("a" * 32, 0)
        store.reschedule(alias, {key: -10.0})
        assert store.lease_due(alias, limit=9, lease_seconds=-1.0) == [key]
        assert store.lease_due(alias, limit=9, lease_seconds=LEASE) == [key]
        assert store.next_due_seconds(alias) is not None
        store.unschedule(alias, [key])
        assert store.next_due_seconds(alias) is None

    def test_slots_are_never_exceeded_and_wake_the_oldest(self, store: Store, alias: str) -> None:
        keys = [ChunkKey("a" * 32, index) for index in range(4)]
        taken = [store.take_slot(alias, key, max_pending=2) for key in keys]
        assert taken == [True, True, False, False]
        assert store.take_slot(alias, keys[0], max_pending=2)
        assert store.slots(alias) == (keys[:2], keys[2:])
        assert store.release_slot(alias, keys[0]) == [keys[2]]
        assert store.release_slot(alias, keys[0]) == []
        assert store.wake_waiting(alias, max_pending=2) == [keys[3]]

    # -- live sets, announcements, epoch, messages

    def test_a_finished_set_is_no_longer_live(self, store: Store, job_set: SetRecord) -> None:
        assert job_set.set_id in store.live_sets()
        for index in range(3):
            claim = self.claim(store, job_set, index)
            store.finish(claim, ChunkStatus.DONE, backend=job_set.backend, result=b"r")
        assert job_set.set_id not in store.live_sets()

    def test_announcements_are_read_back(self, store: Store, alias: str) -> None:
        spec = BackendSpec(alias, "aer", local=True, qpy_version=17, max_circuits=300)
        for worker_id, qpy in ((f"{alias}-1", "17"), (f"{alias}-2", "13")):
            worker = WorkerRecord(worker_id, "worker", "host", 1, (alias,), {"qpy": qpy})
            store.announce(worker, [spec], ttl_seconds=60)
        assert store.backends()[alias].qpy_version == 13
        store.depart(f"{alias}-2")
        assert store.backends()[alias] == spec
        [found] = [w for w in store.workers() if w.worker_id == f"{alias}-1"]
        assert (found.role, list(found.backends)) == ("worker", [alias])
        store.depart(f"{alias}-1")
        assert alias in store.backends()

    def test_what_a_newer_worker_says_beyond_that_is_left_aside(
        self, store: RedisStore, alias: str
    ) -> None:
        spec = BackendSpec(alias, "aer", local=True, qpy_version=17)
        store.announce(WorkerRecord(alias, "worker", "h", 1, [alias]), [spec], ttl_seconds=60)
        newer = json.dumps(asdict(spec) | {"colour": "blue"})
        store.client.hset(keys.BACKENDS, alias, newer)
        record = json.loads(store.client.get(keys.worker(alias)))
        newer = json.dumps(record | {"colour": "blue"})
        store.client.set(keys.worker(alias), newer, keepttl=True)
        assert store.backends()[alias] == spec
        assert [worker.worker_id for worker in store.workers()] == [alias]

    def test_what_an_older_worker_does_not_say_has_its_default(
        self, store: RedisStore, alias: str
    ) -> None:
        old = {"alias": alias, "provider": "aer", "local": True, "qpy_version": 13}
        store.client.hset(keys.BACKENDS, alias, json.dumps(old))
        assert store.backends()[alias] == BackendSpec(alias, "aer", local=True, qpy_version=13)

    def test_backends_are_read_at_the_same_cost_however_many(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        aliases = [f"{alias}-{number}" for number in range(3)]
        specs = [BackendSpec(name, "aer", local=True, qpy_version=17) for name in aliases]
        worker = WorkerRecord(alias, "worker", "host", 1, aliases, {"qpy": "13"})
        store.announce(worker, specs, ttl_seconds=60)
        reads: list[int] = []
        read_workers = store.workers

        def counted_workers() -> list[WorkerRecord]:
            reads.append(1)
            return read_workers()

        monkeypatch.setattr(store, "workers", counted_workers)
        found = store.backends()
        store.depart(alias)
        assert [found[name].qpy_version for name in aliases] == [13, 13, 13]
        assert len(reads) == 1

    def test_the_epoch_stays(self, store: RedisStore) -> None:
        epoch = store.require_epoch()
        assert store.require_epoch() == store.require_epoch(epoch) == store.epoch() == epoch
        with pytest.raises(StoreLostError, match="nothing is submitted"):
            store.require_epoch("another")

    def test_no_chunk_of_another_epoch_is_claimed(
        self, store: RedisStore, job_set: SetRecord
    ) -> None:
        """A worker that outlived the store's data must not submit what new clients send."""
        store.client.hset(f"jobset:{{{job_set.set_id}}}:set", "epoch", "another")
        key = ChunkKey(job_set.set_id, 0)
        with pytest.raises(StoreLostError, match="restart workers"):
            store.claim(key, backend=job_set.backend, owner="w", lease_seconds=LEASE)
        assert store.statuses(job_set.set_id)[0] is ChunkStatus.QUEUED

    def test_messages_set_aside_are_kept(self, store: Store) -> None:
        store.set_aside("garbage")
        assert store.messages_set_aside()[0] == "garbage"
