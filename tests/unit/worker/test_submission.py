"""The protocol of a submission: what keeps a chunk from being paid for twice."""

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import FailureKind, ProviderError, StoreUnavailableError
from jobset_protocol.messages import ChunkKey, ChunkRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal, SteeredRemote
from worker.providers.base import PollStatus
from worker.steps import MAX_CRASHES


class Killed(BaseException):
    """The worker was killed here."""


def chunk(bench: Bench, key: ChunkKey) -> ChunkRecord:
    [record] = bench.store.chunks([key])
    return record


def kill() -> None:
    raise Killed


def killed_submitting(
    provider: SteeredRemote, *, in_doubt: str | None = None
) -> tuple[Bench, ChunkKey]:
    """Let a worker die behind a submission whose job the provider has, and its lease lapse."""
    bench = Bench(provider, in_doubt=in_doubt)
    provider.after_submit = kill
    [key] = bench.add_set()
    with pytest.raises(Killed):
        bench.worker.submit_chunk(key)
    provider.after_submit = lambda: None
    bench.store.client.hset(keys.chunk(*key), "lease_until", 0)
    return bench, key


def test_a_job_that_is_listed_late_is_found_and_not_submitted_again() -> None:
    # Given a provider that lists a job some time after it was made
    provider = SteeredRemote(find_lag_seconds=60.0)
    bench, key = killed_submitting(provider)
    hidden, provider.tags = provider.tags, {}
    # When its worker's lease has lapsed, and nothing carries the tag yet
    for _ in range(3):
        bench.make_due()
        bench.new_worker("w2").submit_chunk(key)
    assert chunk(bench, key).status is ChunkStatus.IN_DOUBT
    # Then the chunk takes the job when it is listed
    provider.tags |= hidden
    bench.make_due()
    assert [chunk(bench, key).reference] == list(provider.tags)


def test_a_tag_that_the_provider_has_is_never_submitted_again() -> None:
    provider = SteeredRemote()
    bench, key = killed_submitting(provider)
    for _ in range(3):
        bench.make_due()
        bench.new_worker("w2").submit_chunk(key)
    assert [chunk(bench, key).reference] == list(provider.tags)


def test_a_request_that_the_client_repeated_by_itself_leaves_one_job() -> None:
    # Given a client that sends its request twice, and answers with the second job
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    first = JobReference("first")
    provider.before_submit = lambda: provider.tags.update(
        {first: f"jobset-{key.set_id}-{key.index}-1"}
    )
    # When the chunk is submitted
    bench.worker.submit_chunk(key)
    # Then the job of the answer counts, and the other is cancelled and told of
    record = chunk(bench, key)
    [_, second] = provider.tags
    assert (record.status, record.reference) == (ChunkStatus.SUBMITTED, second)
    assert provider.cancelled == [first]
    [extra] = record.extra_jobs
    assert (extra.reference, extra.attempt, extra.cancelled) == (first, 1, True)


def test_a_second_job_that_is_listed_late_is_seen_when_the_result_is_fetched() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    late = JobReference("late")
    provider.tags[late] = chunk(bench, key).tag
    provider.end_all(PollStatus.DONE)
    provider.cancel_error = ProviderError("too late")
    bench.worker.collect_chunk(key)
    record = chunk(bench, key)
    assert record.status is ChunkStatus.DONE
    assert [(extra.reference, extra.cancelled) for extra in record.extra_jobs] == [(late, False)]


def test_a_look_up_that_fails_after_a_success_takes_nothing_away() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    provider.find_error = ProviderError("out of order")
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED
    assert provider.cancelled == []


@pytest.mark.parametrize(
    ("in_doubt", "status"),
    [("hold", ChunkStatus.UNCERTAIN), ("resubmit", ChunkStatus.QUEUED), (None, ChunkStatus.QUEUED)],
)
def test_the_table_says_what_becomes_of_a_doubt_that_cannot_be_settled(
    in_doubt: str | None, status: ChunkStatus
) -> None:
    provider = SteeredRemote(find=False, resubmit_in_doubt=True)
    bench, key = killed_submitting(provider, in_doubt=in_doubt)
    bench.make_due()
    bench.make_due()
    assert chunk(bench, key).status is status


def test_a_doubt_waits_as_long_as_the_provider_wishes() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def refuse() -> None:
        raise ProviderError("busy", kind=FailureKind.UNCERTAIN, retry_after_seconds=50)

    provider.before_submit = refuse
    assert bench.worker.submit_chunk(key).status is ChunkStatus.IN_DOUBT
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due > 40


def test_an_intent_that_could_not_be_stored_for_sure_submits_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    intend = bench.store.intend

    def intend_without_a_disk(*args: object, **kwargs: object) -> bool:
        intend(*args, **kwargs)  # type: ignore[arg-type]
        raise StoreUnavailableError("not on the disk")

    monkeypatch.setattr(bench.store, "intend", intend_without_a_disk)
    assert bench.worker.submit_chunk(key).status is ChunkStatus.QUEUED
    assert not provider.tags
    monkeypatch.undo()
    assert bench.worker.submit_chunk(key).status is ChunkStatus.SUBMITTED


def test_a_chunk_that_needs_too_much_memory_is_set_aside_after_three_attempts() -> None:
    provider = SteeredLocal()
    provider.error = MemoryError("no more")
    bench = Bench(provider)
    [key] = bench.add_set()
    for _ in range(MAX_CRASHES - 1):
        assert bench.worker.submit_chunk(key).status is ChunkStatus.QUEUED
    assert bench.worker.submit_chunk(key).status is ChunkStatus.FAILED
    error = chunk(bench, key).error
    assert error is not None
    assert "3 attempts" in error.message
