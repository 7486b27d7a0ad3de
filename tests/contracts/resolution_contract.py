"""What every store must do with chunks that a person settles, and with jobs that were too many."""

import itertools

import pytest

from jobset_protocol.errors import (
    FailureKind,
    InvalidStateError,
    JobSetNotFoundError,
    StaleFenceError,
    StoreLostError,
)
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    Claim,
    ErrorRecord,
    JobReference,
    SetRecord,
)
from jobset_protocol.statuses import TRANSITIONS, ChunkStatus
from jobset_protocol.store import RedisStore, Store
from jobset_protocol.store.base import Resolution
from tests.contracts.store_suite import LEASE, StoreSuite, send_twice

DONE, FAILED, QUEUED, SUBMITTED, UNCERTAIN = (
    ChunkStatus.DONE,
    ChunkStatus.FAILED,
    ChunkStatus.QUEUED,
    ChunkStatus.SUBMITTED,
    ChunkStatus.UNCERTAIN,
)
DOUBT = ErrorRecord("ProviderError", "nobody knows", FailureKind.UNCERTAIN, "submit")
GIVEN_UP = ErrorRecord("ProviderError", "given up", FailureKind.UNCERTAIN, "submit")
FOUND = JobReference("found", "detail")


class ResolutionContract(StoreSuite):
    """The suite; a subclass gives the fixture ``store``."""

    @pytest.fixture
    def uncertain(self, store: Store, job_set: SetRecord) -> Claim:
        """Chunk 0, uncertain, of a set whose others are done; the claim that doubted."""
        claim = self.doubted(store, job_set, 0)
        for index in (1, 2):
            other = self.claim(store, job_set, index)
            store.finish(other, DONE, backend=job_set.backend, result=b"r")
        return claim

    def doubted(self, store: Store, job_set: SetRecord, index: int) -> Claim:
        claim = self.claim(store, job_set, index)
        assert store.intend(claim)
        doubt = store.doubt(claim, backend=job_set.backend, error=DOUBT)
        assert doubt is not None
        store.finish(doubt, UNCERTAIN, backend=job_set.backend, error=DOUBT)
        return claim

    def at(self, store: Store, job_set: SetRecord, index: int = 0) -> ChunkRecord:
        [record] = store.chunks([ChunkKey(job_set.set_id, index)])
        return record

    def unfinished(self, store: Store, job_set: SetRecord) -> int:
        events = store.wait(job_set.set_id, after="0-0", timeout_seconds=1)
        return events[-1].unfinished

    def test_a_named_job_is_polled_and_collected(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        assert store.set_record(job_set.set_id).finished_at > 0
        assert job_set.set_id not in store.live_sets()

        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])

        record = self.at(store, job_set)
        assert (record.status, record.reference, record.error) == (SUBMITTED, FOUND, None)
        assert (record.attempt, record.tag) == (1, uncertain.tag)
        assert (record.finished_at, record.doubt_since) == (0, 0)
        assert store.set_record(job_set.set_id).finished_at == 0
        assert job_set.set_id in store.live_sets()
        assert store.counts(job_set.set_id) == {DONE: 2, SUBMITTED: 1}
        assert self.unfinished(store, job_set) == 1
        due = store.next_due_seconds(job_set.backend)
        assert due is not None
        assert due <= 0
        collection = store.claim_collection(
            record.key, backend=job_set.backend, owner="w", lease_seconds=LEASE
        )
        assert collection is not None
        store.finish(collection, DONE, backend=job_set.backend, result=b"r")
        assert self.unfinished(store, job_set) == 0
        assert job_set.set_id not in store.live_sets()

    def test_without_a_job_it_is_a_new_attempt(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        store.resolve(job_set, [Resolution(0, QUEUED)])

        assert job_set.set_id in store.live_sets()
        again = self.claim(store, job_set, 0)
        assert (again.attempt, again.tag != uncertain.tag) == (2, True)
        record = self.chunk(store, again)
        assert (record.reference, record.error, record.tries) == (None, None, {})
        [past] = record.history
        assert (past.attempt, past.status, past.error) == (1, UNCERTAIN, DOUBT)

    @pytest.mark.usefixtures("uncertain")
    def test_what_is_given_up_has_failed(self, store: Store, job_set: SetRecord) -> None:
        store.resolve(job_set, [Resolution(0, FAILED, error=GIVEN_UP)])

        record = self.at(store, job_set)
        assert (record.status, record.error) == (FAILED, GIVEN_UP)
        assert store.counts(job_set.set_id) == {DONE: 2, FAILED: 1}
        assert self.unfinished(store, job_set) == 0
        assert store.set_record(job_set.set_id).finished_at > 0
        assert job_set.set_id not in store.live_sets()
        assert store.retry(job_set.set_id, {0: 0}) == [0]

    @pytest.mark.usefixtures("uncertain")
    @pytest.mark.parametrize(
        "resolution",
        [
            Resolution(0, SUBMITTED, FOUND),
            Resolution(0, QUEUED),
            Resolution(0, FAILED, error=GIVEN_UP),
        ],
        ids=lambda resolution: str(resolution.status),
    )
    def test_a_lost_reply_changes_nothing(
        self,
        store: RedisStore,
        job_set: SetRecord,
        resolution: Resolution,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with monkeypatch.context() as patch:
            send_twice(store, patch)
            store.resolve(job_set, [resolution])
        record = self.at(store, job_set)
        attempts = 2 if resolution.status is QUEUED else 1
        assert (record.attempt, len(record.history)) == (attempts, attempts - 1)
        assert store.counts(job_set.set_id) == {DONE: 2, resolution.status: 1}
        assert self.unfinished(store, job_set) == (0 if resolution.status is FAILED else 1)
        events = store.wait(job_set.set_id, after="0-0", timeout_seconds=1)
        path = [event.status for event in events if event.index == 0]
        assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(path))

    @pytest.mark.usefixtures("uncertain")
    def test_only_what_is_uncertain_is_settled(self, store: Store, job_set: SetRecord) -> None:
        answers = [Resolution(index, QUEUED) for index in (1, 0, 2)]
        with pytest.raises(InvalidStateError, match=r"chunk 1 is done, chunk 2 is done"):
            store.resolve(job_set, answers)
        assert store.statuses(job_set.set_id) == [QUEUED, DONE, DONE]
        with pytest.raises(InvalidStateError, match=r"chunk 0 is queued"):
            store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        assert self.at(store, job_set).reference is None

    @pytest.mark.usefixtures("uncertain")
    def test_a_set_that_is_gone_is_not_found(self, store: Store, job_set: SetRecord) -> None:
        store.delete_set(job_set.set_id)
        for status in (SUBMITTED, QUEUED):
            with pytest.raises(JobSetNotFoundError):
                store.resolve(job_set, [Resolution(0, status, FOUND)])

    def test_an_old_claim_writes_no_more(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        [before] = store.chunks([uncertain.key])
        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        for fence in (uncertain.fence, before.fence):
            stale = Claim(uncertain.key, fence, "w", 1)
            with pytest.raises(StaleFenceError):
                store.finish(stale, DONE, backend=job_set.backend, result=b"late")
        with pytest.raises(StaleFenceError):
            store.submitted(
                uncertain, JobReference("late"), backend=job_set.backend, poll_after_seconds=0
            )
        assert self.at(store, job_set).reference == FOUND

    def test_a_cancelled_set_goes_on(self, store: Store, job_set: SetRecord) -> None:
        self.doubted(store, job_set, 0)
        store.cancel_set(job_set.set_id)
        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        assert not store.set_record(job_set.set_id).cancelled

    def test_circuits_that_are_gone_cannot_be_submitted(
        self, store: RedisStore, job_set: SetRecord, uncertain: Claim
    ) -> None:
        store.client.delete(f"jobset:{{{job_set.set_id}}}:chunk:0:payload")
        with pytest.raises(StoreLostError, match=r"chunks \[0\]"):
            store.resolve(job_set, [Resolution(0, QUEUED)])
        assert self.chunk(store, uncertain).status is UNCERTAIN

    # -- jobs beside the one that counts

    def test_extra_jobs_are_read_the_oldest_first(self, store: Store, job_set: SetRecord) -> None:
        claim = self.submit(store, job_set)
        for job_id, cancelled in (("z", False), ("a:b", True), ("z", True)):
            reference = JobReference(job_id, f"of {job_id}")
            store.note_extra_job(claim.key, reference, attempt=1, cancelled=cancelled)
        jobs = self.at(store, job_set).extra_jobs
        assert [(job.reference, job.attempt, job.cancelled) for job in jobs] == [
            (JobReference("z", "of z"), 1, True),
            (JobReference("a:b", "of a:b"), 1, True),
        ]
        assert all(0 <= store.now() - job.seen_at < 60 for job in jobs)

    def test_extra_jobs_outlast_their_attempt(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        store.note_extra_job(uncertain.key, FOUND, attempt=1, cancelled=False)
        before = self.at(store, job_set).extra_jobs
        store.resolve(job_set, [Resolution(0, QUEUED)])
        again = self.claim(store, job_set, 0)
        store.finish(again, FAILED, backend=job_set.backend, error=DOUBT)
        store.retry(job_set.set_id, {0: 0})
        record = self.at(store, job_set)
        assert record.extra_jobs == before
        assert (record.attempt, record.tries) == (3, {})

    def test_a_job_that_counts_after_all_is_not_extra(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        store.note_extra_job(uncertain.key, FOUND, attempt=1, cancelled=False)
        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        assert self.at(store, job_set).extra_jobs == ()

    def test_a_job_that_counts_no_more_is_extra(self, store: Store, job_set: SetRecord) -> None:
        # Given a chunk whose job the provider has forgotten
        claim = self.submit(store, job_set)
        store.finish(claim, UNCERTAIN, backend=job_set.backend, error=DOUBT)
        # When a person names another one
        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        # Then both are known
        record = self.at(store, job_set)
        [extra] = record.extra_jobs
        assert record.reference == FOUND
        assert (extra.reference, extra.cancelled) == (JobReference("job-0"), False)

    def test_a_slip_is_no_extra_job(
        self, store: Store, job_set: SetRecord, uncertain: Claim
    ) -> None:
        slip = JobReference("slip")
        store.resolve(job_set, [Resolution(0, SUBMITTED, slip)])
        polled = self.at(store, job_set)
        lost = Claim(polled.key, polled.fence, "watcher", polled.attempt)
        store.finish(lost, UNCERTAIN, backend=job_set.backend, error=DOUBT)
        store.resolve(job_set, [Resolution(0, SUBMITTED, FOUND)])
        record = self.at(store, job_set)
        assert (record.reference, record.extra_jobs) == (FOUND, ())
        assert record.fence > uncertain.fence + 1

    # -- what an operator is shown

    def test_recent_counts_are_those_of_the_newest_and_of_the_live(
        self, store: Store, alias: str
    ) -> None:
        live, ended, newest = (self.make(store, alias) for _ in range(3))
        for record in (ended, newest):
            self.end_all(store, record)
        found = store.recent_counts(limit=1000)
        assert found[live.set_id] == store.counts(live.set_id)
        assert {ended.set_id, newest.set_id} <= found.keys()
        one = store.recent_counts(limit=1)
        assert newest.set_id in one
        assert ended.set_id not in one
        store.delete_set(newest.set_id)
        assert newest.set_id not in store.recent_counts(limit=1000)
