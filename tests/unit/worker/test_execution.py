"""The steps of a chunk: what each outcome of the provider leads to."""

from unittest.mock import Mock

import pytest

from jobset_protocol.errors import (
    BackendNotFoundError,
    FailureKind,
    MessageError,
    ProviderError,
    StoreUnavailableError,
)
from jobset_protocol.messages import ChunkKey, ChunkRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal, SteeredRemote
from worker.steps import MAX_CRASHES, MAX_TRIES


def fail(kind: FailureKind, retry_after_seconds: float | None = None) -> None:
    raise ProviderError("no luck", kind=kind, retry_after_seconds=retry_after_seconds)


def chunk(bench: Bench, key: ChunkKey) -> ChunkRecord:
    [record] = bench.store.chunks([key])
    return record


def extras(bench: Bench, key: ChunkKey) -> dict[JobReference, bool]:
    return {extra.reference: extra.cancelled for extra in chunk(bench, key).extra_jobs}


def test_a_local_chunk_runs_to_its_end() -> None:
    bench = Bench(SteeredLocal())
    [key] = bench.add_set()
    assert bench.worker.submit_chunk(key).status is ChunkStatus.DONE
    assert bench.store.results([key])[0]
    assert not bench.store.live_sets()


def test_a_remote_chunk_is_submitted_with_its_tag_and_polled_soon() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED
    record = chunk(bench, key)
    assert record.reference is not None
    assert provider.tags[record.reference] == record.tag
    assert bench.store.scheduled(ALIAS, [key]) == [True]


def test_a_repeated_message_submits_nothing_twice() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    assert bench.new_worker("w2").submit_chunk(key).status is None
    assert len(provider.tags) == 1


def test_the_intent_is_stored_before_the_provider_is_called() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    seen: list[ChunkStatus] = []
    provider.before_submit = lambda: seen.append(chunk(bench, key).status)
    bench.worker.submit_chunk(key)
    assert seen == [ChunkStatus.SUBMITTING]


def test_a_transient_failure_is_tried_again_later_and_not_for_ever() -> None:
    provider = SteeredRemote()
    provider.before_submit = lambda: fail(FailureKind.TRANSIENT)
    bench = Bench(provider)
    [key] = bench.add_set()
    for _ in range(MAX_TRIES - 1):
        assert bench.worker.submit_chunk(key).status is ChunkStatus.QUEUED
        assert bench.store.scheduled(ALIAS, [key]) == [True]
    assert bench.worker.submit_chunk(key).status is ChunkStatus.FAILED
    error = chunk(bench, key).error
    assert error is not None
    assert (error.kind, error.where) == (FailureKind.TRANSIENT, "submit")
    assert error.message == f"given up after {MAX_TRIES} attempts: no luck"


def test_a_full_provider_is_waited_for_however_long() -> None:
    provider = SteeredRemote()
    provider.before_submit = lambda: fail(FailureKind.LIMIT, retry_after_seconds=50)
    bench = Bench(provider)
    [key] = bench.add_set()
    for _ in range(3 * MAX_TRIES):
        assert bench.worker.submit_chunk(key).status is ChunkStatus.QUEUED
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due > 40


def test_rejected_circuits_fail_at_once_and_say_why() -> None:
    provider = SteeredRemote()
    provider.before_submit = lambda: fail(FailureKind.REJECTED)
    bench = Bench(provider)
    [key] = bench.add_set()
    assert bench.worker.submit_chunk(key).status is ChunkStatus.FAILED


def test_an_unknown_outcome_is_a_doubt_and_never_a_second_job() -> None:
    provider = SteeredRemote()
    provider.after_submit = lambda: fail(FailureKind.UNCERTAIN)
    bench = Bench(provider)
    [key] = bench.add_set()
    assert bench.worker.submit_chunk(key).status is ChunkStatus.IN_DOUBT
    assert bench.worker.submit_chunk(key).status is None
    bench.make_due()
    record = chunk(bench, key)
    assert record.status is ChunkStatus.SUBMITTED
    assert list(provider.tags) == [record.reference]


def test_a_second_claim_looks_the_tag_up_before_it_submits() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    # The provider refused, so it said, but the job is there.
    provider.after_submit = lambda: fail(FailureKind.TRANSIENT)
    bench.worker.submit_chunk(key)
    provider.after_submit = lambda: None
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED
    assert len(provider.tags) == 1


def test_an_ended_job_is_collected_once() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    assert bench.worker.collect_chunk(key).status is ChunkStatus.DONE
    assert bench.worker.collect_chunk(key).status is None
    assert bench.store.results([key])[0]


def test_a_result_that_cannot_be_fetched_is_tried_again() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.result_error = ProviderError("busy", kind=FailureKind.TRANSIENT)
    assert bench.worker.collect_chunk(key).status is ChunkStatus.SUBMITTED
    provider.result_error = None
    assert bench.worker.collect_chunk(key).status is ChunkStatus.DONE


def test_a_result_whose_file_cannot_be_written_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    # Given files that are out of reach for longer than a chunk may lose workers
    with monkeypatch.context() as away:
        error = StoreUnavailableError("the disk is not mounted")
        away.setattr(bench.store.blobs, "externalise", Mock(side_effect=error))
        for _ in range(MAX_CRASHES + 1):
            assert bench.worker.collect_chunk(key).status is ChunkStatus.SUBMITTED
    # When they are back, then the paid result is still wanted
    assert chunk(bench, key).error is not None
    assert bench.worker.collect_chunk(key).status is ChunkStatus.DONE
    assert chunk(bench, key).tries.get("crash", 0) == 0


@pytest.mark.parametrize("adapter", [SteeredLocal(), SteeredRemote()])
def test_failed_experiments_fail_the_chunk_but_keep_its_result(
    adapter: SteeredLocal | SteeredRemote,
) -> None:
    adapter.failed = ["c0"]
    bench = Bench(adapter)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    if isinstance(adapter, SteeredRemote):
        bench.worker.collect_chunk(key)
    record = chunk(bench, key)
    assert record.status is ChunkStatus.FAILED
    assert record.error is not None
    assert "circuits 0 (ERROR: no)" in record.error.message
    assert bench.store.results([key])[0]


def test_a_chunk_that_was_taken_over_writes_nothing() -> None:
    provider = SteeredLocal()
    bench = Bench(provider)
    [key] = bench.add_set()

    def take_over() -> None:
        bench.worker.hand_over(key)
        provider.during_run = lambda: None
        assert bench.new_worker("w2").submit_chunk(key).status is ChunkStatus.DONE

    provider.during_run = take_over
    outcome = bench.worker.submit_chunk(key)
    assert (outcome.status, outcome.note) == (None, "taken over by another claim")
    assert chunk(bench, key).owner == "w2"


def test_circuits_that_cannot_be_read_fail_their_chunk() -> None:
    bench = Bench(SteeredLocal())
    [key] = bench.add_set()
    bench.store.client.set(f"jobset:{{{key.set_id}}}:chunk:0:payload", b"garbage")
    assert bench.worker.submit_chunk(key).status is ChunkStatus.FAILED


def test_a_backend_that_this_worker_does_not_serve_is_named() -> None:
    bench = Bench(SteeredLocal())
    [key] = bench.add_set(backend="elsewhere")
    with pytest.raises(BackendNotFoundError, match="does not serve backend 'elsewhere'"):
        bench.worker.submit_chunk(key)
    assert chunk(bench, key).status is ChunkStatus.QUEUED


def test_slots_limit_what_is_at_the_provider_and_waiting_chunks_are_woken() -> None:
    provider = SteeredRemote()
    bench = Bench(provider, max_pending=2)
    keys = bench.add_set(4)
    for key in keys:
        bench.worker.submit_chunk(key)
    assert len(provider.tags) == 2
    assert bench.store.slots(ALIAS) == (keys[:2], keys[2:])
    bench.worker.collect_chunk(keys[0])
    assert bench.dispatcher.submits == [keys[2]]
    bench.worker.submit_chunk(keys[2])
    assert len(provider.tags) == 3


def test_a_cancelled_chunk_gives_its_slot_back() -> None:
    provider = SteeredRemote()
    provider.before_submit = lambda: fail(FailureKind.LIMIT)
    bench = Bench(provider, max_pending=1)
    keys = bench.add_set(2)
    for key in keys:
        bench.worker.submit_chunk(key)
    bench.store.cancel_set(keys[0].set_id)
    bench.worker.submit_chunk(keys[0])
    holders, _ = bench.store.slots(ALIAS)
    assert holders == []


def test_a_stopping_worker_hands_over_only_its_own_chunks() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    keys = bench.add_set(3)
    for key, lease in zip(keys[:2], (30.0, 30.0), strict=True):
        bench.store.claim(key, backend=ALIAS, owner=f"w{key.index + 1}", lease_seconds=lease)
    for key in keys:
        bench.worker.hand_over(key)
    statuses = [record.status for record in bench.store.chunks(keys)]
    assert statuses == [ChunkStatus.QUEUED, ChunkStatus.CLAIMED, ChunkStatus.QUEUED]
    assert bench.dispatcher.submits == [keys[0]]


def test_a_stopping_worker_leaves_a_submission_in_doubt() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    seen = []

    def hand_over() -> None:
        bench.worker.hand_over(key)
        seen.append(chunk(bench, key).status)

    provider.before_submit = hand_over
    bench.worker.submit_chunk(key)
    assert seen == [ChunkStatus.IN_DOUBT]
    # The call came back after all, and its reference settles the doubt.
    assert chunk(bench, key).reference in provider.tags
    assert len(provider.tags) == 1


def test_a_job_that_comes_after_its_claim_was_taken_over_is_cancelled() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def sleep_through_the_lease() -> None:
        provider.before_submit = lambda: None
        bench.worker.hand_over(key)
        bench.make_due()  # nothing has the tag: back to the queue
        assert bench.new_worker("w2").submit_chunk(key).status is ChunkStatus.SUBMITTED

    provider.before_submit = sleep_through_the_lease
    bench.worker.submit_chunk(key)
    kept = chunk(bench, key).reference
    assert provider.cancelled == [job for job in provider.tags if job != kept]
    assert len(provider.cancelled) == 1
    assert extras(bench, key) == dict.fromkeys(provider.cancelled, True)


def test_a_late_job_is_kept_for_a_chunk_that_has_none() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def sleep_through_the_lease() -> None:
        provider.before_submit = lambda: None
        bench.worker.hand_over(key)
        bench.make_due()

    provider.before_submit = sleep_through_the_lease
    assert bench.worker.submit_chunk(key).status is None
    assert chunk(bench, key).status is ChunkStatus.QUEUED
    # The next claim finds it by its tag.
    assert bench.new_worker("w2").submit_chunk(key).status is ChunkStatus.SUBMITTED
    assert [chunk(bench, key).reference] == list(provider.tags)
    assert provider.cancelled == []


def test_a_late_job_of_an_attempt_that_is_over_is_cancelled() -> None:
    # Given a chunk that failed under another claim, and was tried again, while a job was submitted
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def sleep_while_it_is_tried_again() -> None:
        provider.before_submit = lambda: None
        bench.worker.hand_over(key)
        bench.make_due()
        taken = bench.store.claim(key, backend=ALIAS, owner="w2", lease_seconds=30)
        assert taken
        bench.store.finish(taken[0], ChunkStatus.FAILED, backend=ALIAS)
        assert bench.store.retry(key.set_id, {key.index: key.index}) == [key.index]

    provider.before_submit = sleep_while_it_is_tried_again
    # When its reference comes
    assert bench.worker.submit_chunk(key).status is None
    # Then nobody looks for the tag of that attempt any more
    assert provider.cancelled == list(provider.tags)
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED
    assert list(provider.tags.values())[1].endswith("-2")


def test_a_look_up_that_fails_leaves_the_doubt() -> None:
    provider = SteeredRemote()
    provider.before_submit = lambda: fail(FailureKind.LIMIT)
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.find_error = ProviderError("503", kind=FailureKind.TRANSIENT)
    assert bench.worker.submit_chunk(key).status is ChunkStatus.IN_DOUBT
    assert not provider.tags


def test_a_chunk_that_its_set_does_not_have_is_refused_and_leaves_no_trace() -> None:
    bench = Bench(SteeredRemote(), max_pending=1)
    [key] = bench.add_set()
    stray = ChunkKey(key.set_id, 999)
    for step in (bench.worker.submit_chunk, bench.worker.collect_chunk):
        with pytest.raises(MessageError, match="has no chunk 999"):
            step(stray)
    assert bench.store.slots(ALIAS) == ([], [])
    assert bench.store.scheduled(ALIAS, [stray]) == [False]


def test_circuits_that_are_gone_fail_their_chunk_and_say_so() -> None:
    bench = Bench(SteeredLocal())
    [key] = bench.add_set()
    bench.store.client.delete(f"jobset:{{{key.set_id}}}:chunk:0:payload")
    outcome = bench.worker.submit_chunk(key)
    assert outcome.status is ChunkStatus.FAILED
    assert "are gone from the store" in outcome.note
