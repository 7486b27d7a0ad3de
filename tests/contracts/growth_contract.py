"""Sets that grow, chunks that split, and chunks that are tried again; see decision 0009."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, StoreLostError
from jobset_protocol.messages import ChunkKey, Claim, JobReference, Part, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, Store
from tests.contracts.store_suite import ERROR, LEASE, StoreSuite, send_twice

QUEUED, UNSENT, DONE = ChunkStatus.QUEUED, ChunkStatus.UNSENT, ChunkStatus.DONE
FAILED, CANCELLED, SPLIT = ChunkStatus.FAILED, ChunkStatus.CANCELLED, ChunkStatus.SPLIT


class GrowthContract(StoreSuite):
    """The suite; a subclass gives the fixture ``store``."""

    @pytest.fixture
    def growing(self, store: Store, alias: str) -> SetRecord:
        """A set that is open and has no chunks yet."""
        record = SetRecord(uuid.uuid4().hex, "g", alias, "me", 0, 4, sealed=False)
        store.create_set(record, b"")
        return record

    def grow(self, store: Store, job_set: SetRecord, first: int, sizes: Sequence[int]) -> int:
        payloads = [f"{first}+{offset}".encode() for offset in range(len(sizes))]
        return store.grow_set(job_set.set_id, first, payloads, sizes=sizes, names=b"n")

    def split(self, store: Store, job_set: SetRecord, index: int) -> tuple[Claim, list[int]]:
        """Let the provider refuse a chunk; returns the claim, and the halves' indices."""
        record = store.set_record(job_set.set_id)
        taken = store.claim(
            ChunkKey(job_set.set_id, index),
            backend=job_set.backend,
            owner="w",
            lease_seconds=LEASE,
            into=ChunkStatus.RUNNING,
            source=record.source_of(index),
        )
        assert taken is not None
        halves = store.split(taken[0], record, backend=job_set.backend, error=ERROR)
        return taken[0], [key.index for key in halves]

    def end(
        self, store: Store, job_set: SetRecord, index: int, status: ChunkStatus = DONE
    ) -> Claim:
        claim = self.claim(store, job_set, index)
        error = None if status is DONE else ERROR
        store.finish(claim, status, backend=job_set.backend, result=b"r", error=error)
        return claim

    def unfinished(self, store: Store, job_set: SetRecord) -> int:
        """Return what the last event says is left."""
        return store.wait(job_set.set_id, after="0-0", timeout_seconds=1)[-1].unfinished

    # -- growing

    def test_an_open_set_is_empty_and_not_over(self, store: Store, growing: SetRecord) -> None:
        found = store.set_record(growing.set_id)
        assert (found.sealed, found.chunk_count, found.circuit_count) == (False, 0, 0)
        assert store.statuses(growing.set_id) == []
        assert store.counts(growing.set_id) == {UNSENT: 1}

    def test_a_set_grows_by_chunks_of_any_size(self, store: Store, growing: SetRecord) -> None:
        assert self.grow(store, growing, 0, [4, 1]) == 0
        assert self.grow(store, growing, 2, [3]) == 2
        found = store.set_record(growing.set_id)
        assert found.ranges == (range(4), range(4, 5), range(5, 8))
        assert (found.circuit_count, found.chunk_count) == (8, 3)
        assert store.statuses(growing.set_id) == [QUEUED] * 3
        assert store.counts(growing.set_id) == {QUEUED: 3, UNSENT: 1}
        assert store.payload(ChunkKey(growing.set_id, 2)) == b"2+0"
        assert store.names(growing.set_id) == [b"n", b"n"]

    def test_nothing_is_left_only_when_the_set_is_sealed(
        self, store: Store, growing: SetRecord
    ) -> None:
        self.grow(store, growing, 0, [4])
        self.end(store, growing, 0)
        assert self.unfinished(store, growing) == 1
        assert growing.set_id in store.live_sets()
        assert store.set_record(growing.set_id).finished_at == 0

        store.seal_set(growing.set_id)
        assert self.unfinished(store, growing) == 0
        assert store.counts(growing.set_id) == {DONE: 1}
        found = store.set_record(growing.set_id)
        assert found.sealed
        assert abs(found.finished_at - store.now()) < 60

    def test_sealing_twice_changes_nothing(self, store: Store, growing: SetRecord) -> None:
        self.grow(store, growing, 0, [4])
        store.seal_set(growing.set_id)
        store.seal_set(growing.set_id)
        assert store.counts(growing.set_id) == {QUEUED: 1}
        with pytest.raises(InvalidStateError, match="takes no more circuits"):
            self.grow(store, growing, 1, [1])
        assert store.results([ChunkKey(growing.set_id, 1)]) == [None]
        with pytest.raises(StoreLostError):
            store.payload(ChunkKey(growing.set_id, 1))

    def test_a_cancelled_set_grows_no_more(self, store: Store, growing: SetRecord) -> None:
        self.grow(store, growing, 0, [4])
        store.cancel_set(growing.set_id)
        with pytest.raises(InvalidStateError, match="was cancelled"):
            self.grow(store, growing, 1, [1])
        assert store.counts(growing.set_id) == {CANCELLED: 1, UNSENT: 1}
        with pytest.raises(StoreLostError):
            store.payload(ChunkKey(growing.set_id, 1))

    def test_growing_with_a_lost_reply_adds_nothing_twice(
        self, store: RedisStore, growing: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send_twice(store, monkeypatch)
        assert self.grow(store, growing, 0, [4, 4]) == 0
        assert store.counts(growing.set_id) == {QUEUED: 2, UNSENT: 1}
        assert store.set_record(growing.set_id).circuit_count == 8
        assert store.names(growing.set_id) == [b"n"]

    def test_growing_never_shows_a_chunk_other_circuits(
        self, store: RedisStore, growing: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given chunks that lie where a client, which never heard of it, would put others of them
        self.grow(store, growing, 0, [4])
        self.split(store, growing, 0)
        assert self.grow(store, growing, 1, [1, 1, 1]) == 3
        third = ChunkKey(growing.set_id, 3)
        assert store.payload(third) == b"1+0"
        # When it sends them again
        shown = []
        run = store.scripts.run

        def watched(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
            replies = run(commands)
            shown.append(store.client.get(keys.chunk(*third, "payload")))
            return replies

        monkeypatch.setattr(store.scripts, "run", watched)
        assert self.grow(store, growing, 1, [1, 1, 1]) == 3
        # Then a worker would have found the right ones at any moment
        assert set(shown) == {b"1+0"}

    def test_growing_again_after_a_lost_answer_keeps_the_circuits(
        self, store: Store, growing: SetRecord
    ) -> None:
        # Given chunks that went behind the parts of another one, and a client that never heard
        self.grow(store, growing, 0, [4])
        self.split(store, growing, 0)
        assert self.grow(store, growing, 1, [3, 2]) == 3
        # When it sends them again, also after the set was sealed
        assert self.grow(store, growing, 1, [3, 2]) == 3
        store.seal_set(growing.set_id)
        assert self.grow(store, growing, 1, [3, 2]) == 3
        # Then they are there once, with their payloads
        assert store.set_record(growing.set_id).circuit_count == 9
        assert store.payload(ChunkKey(growing.set_id, 3)) == b"1+0"

    def test_growing_goes_on_behind_the_parts_of_a_split_chunk(
        self, store: Store, growing: SetRecord
    ) -> None:
        # Given a chunk that was halved while the client had encoded the next ones as 1 and 2
        self.grow(store, growing, 0, [4])
        assert self.split(store, growing, 0)[1] == [1, 2]
        assert self.grow(store, growing, 1, [3, 2]) == 3
        found = store.set_record(growing.set_id)
        assert [found.circuits_of(index) for index in range(5)] == [
            range(4), range(2), range(2, 4), range(4, 7), range(7, 9),
        ]  # fmt: skip
        assert store.payload(ChunkKey(growing.set_id, 3)) == b"1+0"
        for part in (1, 2):
            with pytest.raises(StoreLostError):
                store.payload(ChunkKey(growing.set_id, part))
        assert store.counts(growing.set_id) == {QUEUED: 4, UNSENT: 1}

    def test_an_open_set_of_a_silent_client_is_abandoned(
        self, store: Store, growing: SetRecord
    ) -> None:
        self.grow(store, growing, 0, [4])
        self.end(store, growing, 0)
        store.fail_unsent(growing.set_id, ERROR, idle_seconds=60)
        assert not store.set_record(growing.set_id).abandoned
        store.fail_unsent(growing.set_id, ERROR, idle_seconds=0)
        found = store.set_record(growing.set_id)
        assert (found.abandoned, found.sealed) == (True, True)
        assert found.finished_at > 0
        assert self.unfinished(store, growing) == 0
        with pytest.raises(InvalidStateError):
            self.grow(store, growing, 1, [1])

    def test_a_client_that_was_only_slow_may_still_seal(
        self, store: Store, growing: SetRecord
    ) -> None:
        self.grow(store, growing, 0, [4])
        self.end(store, growing, 0)
        store.fail_unsent(growing.set_id, ERROR, idle_seconds=0)
        store.seal_set(growing.set_id)
        assert not store.set_record(growing.set_id).abandoned
        assert store.counts(growing.set_id) == {DONE: 1}
        assert self.unfinished(store, growing) == 0

    # -- halving

    def test_halves_take_a_refused_chunks_place(self, store: Store, job_set: SetRecord) -> None:
        claim, halves = self.split(store, job_set, 0)
        assert halves == [3, 4]
        found = store.set_record(job_set.set_id)
        assert found.parts == {3: Part(0, 2, 0, 0), 4: Part(2, 4, 0, 0)}
        assert [found.circuits_of(index) for index in halves] == [range(2), range(2, 4)]
        assert store.statuses(job_set.set_id) == [SPLIT, QUEUED, QUEUED, QUEUED, QUEUED]
        # The halved chunk is shown nowhere.
        assert store.counts(job_set.set_id) == {QUEUED: 4}
        assert self.chunk(store, claim).error == ERROR
        assert store.scheduled(job_set.backend, [claim.key]) == [False]

    def test_a_description_is_read_at_one_moment(
        self, store: RedisStore, growing: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half of a halved chunk in it, and a worker would look for circuits that are elsewhere."""
        self.grow(store, growing, 0, [4, 4, 4])
        plain = store.scripts.run
        halved = iter(range(3))

        def torn(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
            """Let a chunk be halved after every command but the last."""
            replies: list[Any] = []
            for command in commands:
                if replies:
                    with monkeypatch.context() as patch:
                        patch.setattr(store.scripts, "run", plain)
                        self.split(store, growing, next(halved))
                replies += plain([command])
            return replies

        with monkeypatch.context() as patch:
            patch.setattr(store.scripts, "run", torn)
            record = store.set_record(growing.set_id)
        assert record.ranges is not None
        assert set(record.parts) == set(range(3, len(record.ranges)))

    def test_splitting_with_a_lost_reply_adds_two_halves(
        self, store: Store, job_set: SetRecord
    ) -> None:
        claim, halves = self.split(store, job_set, 0)
        again = store.split(claim, job_set, backend=job_set.backend, error=ERROR)
        assert [key.index for key in again] == halves
        assert store.counts(job_set.set_id) == {QUEUED: 4}

    def test_parts_of_parts_know_whose_payload_holds_their_circuits(
        self, store: Store, job_set: SetRecord
    ) -> None:
        _, [_, second] = self.split(store, job_set, 1)
        _, [third, fourth] = self.split(store, job_set, second)
        found = store.set_record(job_set.set_id)
        assert found.parts[third] == Part(6, 7, second, 1)
        assert found.source_of(fourth) == 1
        taken = store.claim(
            ChunkKey(job_set.set_id, fourth),
            backend=job_set.backend,
            owner="w",
            lease_seconds=LEASE,
            source=1,
        )
        assert taken is not None
        assert taken[1] == b"one"
        assert store.counts(job_set.set_id) == {QUEUED: 4, ChunkStatus.CLAIMED: 1}

    def test_a_set_ends_with_its_last_part(self, store: Store, job_set: SetRecord) -> None:
        self.end(store, job_set, 1)
        self.end(store, job_set, 2)
        _, halves = self.split(store, job_set, 0)
        assert self.unfinished(store, job_set) == 2
        for index in halves:
            assert store.set_record(job_set.set_id).finished_at == 0
            self.end(store, job_set, index)
        assert self.unfinished(store, job_set) == 0
        assert store.counts(job_set.set_id) == {DONE: 4}
        assert job_set.set_id not in store.live_sets()

    # -- trying again

    def test_a_retry_keeps_the_history_and_makes_the_set_live(
        self, store: Store, job_set: SetRecord
    ) -> None:
        # Given a set at its end, with one chunk that failed at the provider
        first = self.submit(store, job_set, 0)
        store.finish(first, FAILED, backend=job_set.backend, error=ERROR)
        self.end(store, job_set, 1)
        self.end(store, job_set, 2)
        ended_at = store.set_record(job_set.set_id).finished_at
        assert ended_at > 0
        assert job_set.set_id not in store.live_sets()

        # When it is tried again
        assert store.retry(job_set.set_id, {0: 0, 1: 1}) == [0]

        # Then it is a new attempt under a new tag, and the old one is known
        assert store.set_record(job_set.set_id).finished_at == 0
        assert job_set.set_id in store.live_sets()
        assert self.unfinished(store, job_set) == 1
        again = self.claim(store, job_set, 0)
        assert (again.attempt, again.tag != first.tag) == (2, True)
        record = self.chunk(store, again)
        assert (record.reference, record.error, record.tries) == (None, None, {})
        [past] = record.history
        assert (past.attempt, past.status, past.error) == (1, FAILED, ERROR)
        assert past.reference == JobReference("job-0")
        assert past.finished_at > 0
        store.finish(again, DONE, backend=job_set.backend, result=b"better")
        assert self.unfinished(store, job_set) == 0
        assert store.set_record(job_set.set_id).finished_at >= ended_at

    def test_retrying_with_a_lost_reply_is_one_attempt(
        self, store: RedisStore, job_set: SetRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim = self.end(store, job_set, 0, FAILED)
        with monkeypatch.context() as patch:
            send_twice(store, patch)
            assert store.retry(job_set.set_id, {0: 0}) == [0]
        record = self.chunk(store, claim)
        assert (record.attempt, len(record.history)) == (2, 1)
        assert store.counts(job_set.set_id) == {QUEUED: 3}

    def test_a_cancelled_chunk_is_tried_again(self, store: Store, job_set: SetRecord) -> None:
        store.cancel_set(job_set.set_id)
        assert store.retry(job_set.set_id, {1: 1}) == [1]
        assert not store.set_record(job_set.set_id).cancelled
        assert store.counts(job_set.set_id) == {QUEUED: 1, CANCELLED: 2}
        assert self.chunk(store, self.claim(store, job_set, 1)).history[0].status is CANCELLED

    def test_a_retry_refuses_the_last_holder(self, store: Store, job_set: SetRecord) -> None:
        claim = self.end(store, job_set, 0, FAILED)
        store.retry(job_set.set_id, {0: 0})
        with pytest.raises(Exception, match="no longer held"):
            store.finish(claim, DONE, backend=job_set.backend, result=b"late")

    def test_what_was_never_sent_cannot_be_tried_again(self, store: Store, alias: str) -> None:
        record = SetRecord(uuid.uuid4().hex, "a", alias, "me", 2, 1)
        store.create_set(record, b"")
        store.add_chunks(record.set_id, 0, [b"0"])
        store.fail_unsent(record.set_id, ERROR, idle_seconds=0)
        self.end(store, record, 0, FAILED)
        with pytest.raises(StoreLostError, match=r"chunks \[1\]"):
            store.retry(record.set_id, {0: 0, 1: 1})
        assert store.counts(record.set_id) == {QUEUED: 1, FAILED: 1}
