"""What a watcher does while its provider fails: the whole of it, or one cancellation."""

import logging
from collections.abc import Sequence

import pytest

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import ChunkKey, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.support import wait_until
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredRemote
from worker.providers.base import Poll, PollStatus


class FailingRemote(SteeredRemote):
    """Counts its polls, and fails them while the test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.polls = 0
        self.poll_error: Exception | None = None

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Count, and fail or answer."""
        self.polls += 1
        if self.poll_error:
            raise self.poll_error
        return super().poll(references)


@pytest.fixture
def provider() -> FailingRemote:
    return FailingRemote()


@pytest.fixture
def bench(provider: FailingRemote) -> Bench:
    return Bench(provider)


def submitted(bench: Bench, chunks: int) -> list[ChunkKey]:
    keys = bench.add_set(chunks)
    for key in keys:
        bench.worker.submit_chunk(key)
    return keys


def statuses(bench: Bench, keys: Sequence[ChunkKey]) -> set[ChunkStatus]:
    return {record.status for record in bench.store.chunks(keys)}


def test_a_provider_that_fails_is_left_alone_for_as_long_as_it_wished(
    provider: FailingRemote, bench: Bench
) -> None:
    keys = submitted(bench, 2)
    provider.poll_error = ProviderError("busy", kind=FailureKind.LIMIT, retry_after_seconds=3600.0)
    bench.make_due()

    # Chunks that come due meanwhile, of whatever set, are not asked for either.
    keys += submitted(bench, 1)
    bench.make_due()

    assert provider.polls == 1
    assert statuses(bench, keys) == {ChunkStatus.SUBMITTED}
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due > 3500


def test_a_failed_poll_is_told_with_the_time_of_the_next(
    provider: FailingRemote, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    submitted(bench, 2)
    provider.poll_error = ZeroDivisionError("strange client")

    with caplog.at_level(logging.WARNING):
        bench.make_due()

    assert "polling 2 jobs failed, again in 0.0 s: strange client" in caplog.text


def test_an_answer_after_failures_lets_everything_go_on(
    provider: FailingRemote, bench: Bench
) -> None:
    keys = submitted(bench, 2)
    provider.poll_error = ProviderError("down")
    bench.make_due()
    provider.poll_error = None

    def seen_to_run() -> bool:
        bench.make_due()
        return statuses(bench, keys) == {ChunkStatus.RUNNING}

    wait_until(seen_to_run, description="the provider to be asked again")


def test_a_cancellation_that_fails_keeps_no_poll_waiting(
    provider: FailingRemote, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    [cancelled], [other] = submitted(bench, 1), submitted(bench, 1)
    bench.store.cancel_set(cancelled.set_id)
    provider.cancel_error = ZeroDivisionError("strange client")

    bench.make_due()

    assert statuses(bench, [other]) == {ChunkStatus.RUNNING}
    assert "cannot cancel job" in caplog.text


def test_cancellations_that_hang_keep_the_polls_waiting_for_a_part_of_a_lease(
    provider: FailingRemote, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = submitted(bench, 5)
    bench.store.cancel_set(keys[0].set_id)
    now = 0.0

    def hang(_: JobReference) -> bool:
        nonlocal now
        now += 8.0
        return False

    monkeypatch.setattr(provider, "cancel", hang)
    monkeypatch.setattr("worker.provider_polls.time.monotonic", lambda: now)
    provider.end_all(PollStatus.RUNNING)

    bench.make_due()

    # A third of 30 s is over after the second one.
    assert now == 16.0
    assert provider.polls == 1


def test_a_result_that_could_not_be_fetched_is_asked_for_again_although_messages_wait(
    provider: FailingRemote, bench: Bench
) -> None:
    [key] = submitted(bench, 1)
    provider.end_all()
    bench.make_due()
    provider.result_error = ProviderError("busy", kind=FailureKind.TRANSIENT)
    bench.worker.collect_chunk(key)
    bench.dispatcher.waiting = 7

    bench.make_due()

    assert bench.dispatcher.collects == [key, key]


def test_the_time_that_a_quick_worker_writes_stands(
    provider: FailingRemote, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key] = submitted(bench, 1)
    provider.end_all()
    provider.result_error = ProviderError("busy", kind=FailureKind.TRANSIENT)
    # The worker has fetched, failed and asked for another poll before the watcher goes on.
    monkeypatch.setattr(
        bench.dispatcher, "collect", lambda job_set, indices: bench.worker.collect_chunk(key)
    )

    bench.make_due()

    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due < 1
