"""Answers that come when others may act: nothing is dropped, repeated or cancelled by mistake."""

from collections.abc import Callable

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import FailureKind, ProviderError, StaleFenceError
from jobset_protocol.messages import ChunkKey, ChunkRecord, Claim, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredRemote
from worker.polling import pause_seconds
from worker.providers.base import PollStatus
from worker.rules import Rules
from worker.steps import MAX_TRIES
from worker.watched import Watch, WatchedChunk

DAY_SECONDS = 86_400


def chunk(bench: Bench, key: ChunkKey) -> ChunkRecord:
    [record] = bench.store.chunks([key])
    return record


def extras(bench: Bench, key: ChunkKey) -> dict[str, bool]:
    return {extra.reference.job_id: extra.cancelled for extra in chunk(bench, key).extra_jobs}


def claimed(bench: Bench, key: ChunkKey) -> Claim:
    taken = bench.store.claim(key, backend=ALIAS, owner="w0", lease_seconds=30)
    assert taken is not None
    return taken[0]


def lapse(bench: Bench, key: ChunkKey) -> None:
    bench.store.client.hset(keys.chunk(*key), "lease_until", 0)


def rules(bench: Bench) -> Rules:
    return Rules(Watch(bench.store, bench.backend, bench.dispatcher, bench.pace))


def watched(bench: Bench, key: ChunkKey) -> WatchedChunk:
    return WatchedChunk(chunk(bench, key), bench.store.set_record(key.set_id))


def test_a_watcher_that_read_a_claim_does_not_requeue_its_submission() -> None:
    # Given a watcher that read a chunk before its worker stored the intent, submitted and died
    bench = Bench(SteeredRemote(find_lag_seconds=60.0))
    [key] = bench.add_set()
    claim = claimed(bench, key)
    read = watched(bench, key)
    bench.store.intend(claim)
    lapse(bench, key)
    # When it acts on what it read
    with pytest.raises(StaleFenceError):
        rules(bench).apply(read, leases_lapse=True)
    # Then the chunk is in doubt at the next look, and never simply queued
    assert chunk(bench, key).status is ChunkStatus.SUBMITTING
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.IN_DOUBT


def test_a_stopping_worker_does_not_requeue_what_it_begins_to_submit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    taken = bench.store.claim(key, backend=ALIAS, owner="w1", lease_seconds=30)
    assert taken
    read = bench.store.chunks

    def read_before_the_intent(wanted: list[ChunkKey]) -> list[ChunkRecord]:
        records = read(wanted)
        bench.store.intend(taken[0])
        return records

    monkeypatch.setattr(bench.store, "chunks", read_before_the_intent)
    bench.worker.hand_over(key)
    monkeypatch.undo()
    assert chunk(bench, key).status is ChunkStatus.IN_DOUBT
    assert bench.dispatcher.submits == []


def test_the_answer_that_an_uncertain_chunk_waits_for_is_kept() -> None:
    # Given a chunk that became uncertain while its call was out
    provider = SteeredRemote(find=False)
    bench = Bench(provider)
    [key] = bench.add_set()

    def take_long() -> None:
        lapse(bench, key)
        bench.make_due()
        bench.make_due()
        assert chunk(bench, key).status is ChunkStatus.UNCERTAIN

    provider.before_submit = take_long
    # When the call returns with the job
    assert bench.worker.submit_chunk(key).status is None
    # Then a person is told of it, and it runs on
    [job] = provider.tags
    assert provider.cancelled == []
    assert extras(bench, key) == {job.job_id: False}


def test_a_late_job_that_nobody_can_look_up_is_cancelled_and_told_of() -> None:
    provider = SteeredRemote(find=False)
    bench = Bench(provider, in_doubt="resubmit")
    [key] = bench.add_set()

    def take_long() -> None:
        lapse(bench, key)
        bench.make_due()
        bench.make_due()
        assert chunk(bench, key).status is ChunkStatus.QUEUED

    provider.before_submit = take_long
    assert bench.worker.submit_chunk(key).status is None
    [job] = provider.tags
    assert provider.cancelled == [job]
    assert extras(bench, key) == {job.job_id: True}


@pytest.mark.parametrize(
    "listed",
    [lambda job: [job, job], lambda job: [JobReference(job.job_id, "another detail")]],
    ids=["twice", "with another detail"],
)
def test_a_job_is_not_its_own_extra(
    listed: Callable[[JobReference], list[JobReference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    submitted, doubted = bench.add_set(2)
    find = provider.find
    monkeypatch.setattr(
        provider, "find", lambda tag: [each for job in find(tag) for each in listed(job)]
    )
    bench.worker.submit_chunk(submitted)
    bench.store.intend(claim := claimed(bench, doubted))
    bench.store.doubt(claim, backend=ALIAS)
    provider.tags[JobReference("reached")] = claim.tag
    bench.make_due()
    provider.end_all(PollStatus.DONE)
    for key in (submitted, doubted):
        bench.worker.collect_chunk(key)
        assert chunk(bench, key).status is ChunkStatus.DONE
    assert provider.cancelled == []


@pytest.mark.parametrize("find", [True, False])
def test_a_doubt_that_its_own_call_settles_keeps_its_job(
    find: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a doubt that is about to be given up
    provider = SteeredRemote(find=find)
    bench = Bench(provider)
    [key] = bench.add_set()
    claim = claimed(bench, key)
    bench.store.intend(claim)
    bench.store.doubt(claim, backend=ALIAS)
    bench.store.client.hset(keys.chunk(*key), "tries:doubt", MAX_TRIES)
    job = JobReference("late")
    now = bench.store.now

    def settled_meanwhile() -> float:
        # When its call returns in that moment
        bench.store.submitted(claim, job, backend=ALIAS, poll_after_seconds=1)
        return now()

    read = watched(bench, key)
    monkeypatch.setattr(bench.store, "now", settled_meanwhile)
    with pytest.raises(StaleFenceError):
        rules(bench).apply(read, leases_lapse=True)
    # Then the job counts
    record = chunk(bench, key)
    assert (record.status, record.reference) == (ChunkStatus.SUBMITTED, job)


def test_a_refusal_of_a_repeated_request_does_not_hide_the_job_of_the_first() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def refuse_the_second() -> None:
        raise ProviderError("409: there is such a job", kind=FailureKind.FATAL)

    provider.after_submit = refuse_the_second
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED
    assert [chunk(bench, key).reference] == list(provider.tags)


def test_an_extra_job_that_could_not_be_cancelled_is_cancelled_later() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    extra = JobReference("extra")
    provider.before_submit = lambda: provider.tags.update({extra: f"jobset-{key.set_id}-0-1"})
    provider.cancel_error = ProviderError("503")
    bench.worker.submit_chunk(key)
    assert extras(bench, key) == {"extra": False}
    provider.cancel_error = None
    provider.end_all(PollStatus.DONE)
    bench.worker.collect_chunk(key)
    assert extras(bench, key) == {"extra": True}


def test_a_nonsense_wish_holds_nothing_back_for_years() -> None:
    assert pause_seconds(1, wish_seconds=1e9) <= 1.1 * DAY_SECONDS
