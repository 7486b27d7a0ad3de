"""The watcher's rules, one a status, and the recovery sweep."""

import threading
import time
from collections.abc import Iterable, Sequence

import pytest

from jobset_protocol.messages import ChunkKey, ChunkRecord, Claim, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.support import wait_until
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal, SteeredRemote
from worker.providers.base import Payload, Poll, PollStatus
from worker.recovery import Recovery
from worker.steps import MAX_CRASHES

LAPSED = -1.0
NO_PAYLOAD = Payload([], 0)


def chunk(bench: Bench, key: ChunkKey) -> ChunkRecord:
    [record] = bench.store.chunks([key])
    return record


def claim(bench: Bench, key: ChunkKey, lease_seconds: float = LAPSED) -> Claim:
    taken = bench.store.claim(key, backend=ALIAS, owner="dead", lease_seconds=lease_seconds)
    assert taken is not None
    return taken[0]


def test_jobs_are_polled_in_bulk_until_they_end() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    keys = bench.add_set(3)
    for key in keys:
        bench.worker.submit_chunk(key)
    assert bench.make_due() == 3
    assert {chunk(bench, key).status for key in keys} == {ChunkStatus.RUNNING}
    provider.end_all()
    bench.make_due()
    assert sorted(bench.dispatcher.collects) == keys
    # The message may be lost: the job is seen to have ended again.
    bench.make_due()
    assert len(bench.dispatcher.collects) == 6


def test_queue_positions_are_shown() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.answers = {ref: Poll(PollStatus.QUEUED, queue_position=7) for ref in provider.tags}
    bench.make_due()
    assert chunk(bench, key).queue_position == 7


def test_a_failed_job_fails_its_chunk_with_the_providers_words() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.end_all(PollStatus.FAILED, "calibration in progress")
    bench.make_due()
    record = chunk(bench, key)
    assert record.status is ChunkStatus.FAILED
    assert record.error is not None
    assert record.error.message == "calibration in progress"


def test_a_cancelled_set_cancels_its_jobs_at_the_provider() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    keys = bench.add_set(2)
    bench.worker.submit_chunk(keys[0])
    bench.store.cancel_set(keys[0].set_id)
    bench.make_due()
    assert [chunk(bench, key).status for key in keys] == [ChunkStatus.CANCELLED] * 2
    assert len(provider.cancelled) == 1


def test_a_lapsed_claim_goes_back_to_the_queue() -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    claim(bench, key)
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.QUEUED
    assert bench.dispatcher.submits == [key]


def test_a_claim_that_holds_is_left_alone() -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    claim(bench, key, lease_seconds=30)
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.CLAIMED
    assert bench.dispatcher.submits == []


def test_a_chunk_that_keeps_killing_its_worker_is_set_aside() -> None:
    bench = Bench(SteeredLocal())
    [key] = bench.add_set()
    for _ in range(MAX_CRASHES):
        claim(bench, key)
        bench.make_due()
    record = chunk(bench, key)
    assert record.status is ChunkStatus.FAILED
    assert record.error is not None
    assert "worker dead vanished" in record.error.message
    assert len(bench.dispatcher.submits) == MAX_CRASHES - 1


def test_a_lapsed_submission_is_looked_up_before_it_is_repeated() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    found, absent = bench.add_set(2)
    for key in (found, absent):
        lapsed = claim(bench, key)
        bench.store.intend(lapsed)
        if key == found:
            # The job reached the provider; its reference was never stored.
            reference = provider.submit(NO_PAYLOAD, tag=lapsed.tag, options={})
    bench.make_due()
    bench.make_due()
    assert chunk(bench, found).reference == reference
    assert chunk(bench, absent).status is ChunkStatus.QUEUED
    assert bench.dispatcher.submits == [absent]


def test_an_absent_tag_is_given_time_to_appear() -> None:
    bench = Bench(SteeredRemote(find_lag_seconds=60.0))
    [key] = bench.add_set()
    bench.store.intend(claim(bench, key))
    for _ in range(3):
        bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.IN_DOUBT


def test_a_provider_that_cannot_be_asked_leaves_the_chunk_uncertain() -> None:
    bench = Bench(SteeredRemote(find=False))
    [key] = bench.add_set()
    bench.store.intend(claim(bench, key))
    bench.make_due()
    bench.make_due()
    record = chunk(bench, key)
    assert record.status is ChunkStatus.UNCERTAIN
    assert record.error is not None
    assert record.tag in record.error.message
    assert bench.dispatcher.submits == []


def test_a_doubt_that_costs_nothing_is_submitted_again() -> None:
    bench = Bench(SteeredRemote(find=False, resubmit_in_doubt=True))
    [key] = bench.add_set()
    bench.store.intend(claim(bench, key))
    bench.make_due()
    bench.make_due()
    assert bench.dispatcher.submits == [key]


def test_of_two_jobs_under_one_tag_the_oldest_stays() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    lapsed = claim(bench, key)
    bench.store.intend(lapsed)
    first, second = (provider.submit(NO_PAYLOAD, tag=lapsed.tag, options={}) for _ in range(2))
    bench.make_due()
    bench.make_due()
    assert chunk(bench, key).reference == first
    assert provider.cancelled == [second]


def test_a_job_that_the_provider_forgot_waits_for_a_person() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.end_all(PollStatus.LOST)
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.UNCERTAIN


def test_a_collection_whose_worker_died_is_taken_up_again() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    bench.store.claim_collection(key, backend=ALIAS, owner="dead", lease_seconds=LAPSED)
    provider.end_all()
    bench.make_due()
    assert bench.dispatcher.collects == [key]
    assert bench.worker.collect_chunk(key).status is ChunkStatus.DONE


def test_a_stopped_watcher_gives_back_what_it_leased(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    bench.store.reschedule(ALIAS, {key: -1.0})
    stop = threading.Event()
    read_chunks = bench.store.chunks

    def stop_meanwhile(keys: Iterable[ChunkKey]) -> list[ChunkRecord]:
        stop.set()
        return read_chunks(keys)

    monkeypatch.setattr(bench.store, "chunks", stop_meanwhile)
    bench.watcher.attend(stop)
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due <= 0


def test_a_set_that_is_gone_does_not_keep_the_others_waiting() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [kept], [lost] = bench.add_set(), bench.add_set()
    for key in (kept, lost):
        bench.worker.submit_chunk(key)
    bench.store.client.delete(f"jobset:{{{lost.set_id}}}:set")
    bench.store.reschedule(ALIAS, dict.fromkeys((kept, lost), -1.0))
    bench.watcher.attend()
    assert chunk(bench, kept).status is ChunkStatus.RUNNING
    assert bench.store.scheduled(ALIAS, [kept, lost]) == [True, False]


def test_an_unknown_error_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    stop = threading.Event()
    calls = []

    def fail_once() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        stop.set()
        return 0

    monkeypatch.setattr(bench.watcher, "attend", lambda stop: fail_once())
    monkeypatch.setattr("worker.watcher.jittered", lambda seconds: 0.0)
    bench.watcher.run(stop)
    assert len(calls) == 2
    assert chunk(bench, key).status is ChunkStatus.QUEUED


def test_a_collection_that_keeps_killing_its_worker_is_set_aside() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.end_all()
    for _ in range(MAX_CRASHES):
        bench.store.claim_collection(key, backend=ALIAS, owner="dead", lease_seconds=LAPSED)
        bench.make_due()
    record = chunk(bench, key)
    assert record.status is ChunkStatus.FAILED
    assert record.error is not None
    assert record.reference is not None
    assert record.reference.job_id in record.error.message


def test_a_doubt_that_cannot_be_settled_keeps_no_other_chunk_waiting() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    doubted, ended = bench.add_set(2)
    bench.store.intend(claim(bench, doubted))
    bench.worker.submit_chunk(ended)
    provider.end_all()
    provider.find_error = ZeroDivisionError("strange client")
    bench.make_due()
    bench.make_due()
    assert chunk(bench, doubted).status is ChunkStatus.IN_DOUBT
    assert set(bench.dispatcher.collects) == {ended}


def test_a_cancel_that_fails_is_tried_again() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    bench.store.cancel_set(key.set_id)
    provider.cancel_error = ZeroDivisionError("strange client")
    bench.make_due()
    provider.cancel_error = None
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.CANCELLED


def test_collect_messages_do_not_pile_up_while_no_worker_takes_them() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    keys = bench.add_set(3)
    for key in keys:
        bench.worker.submit_chunk(key)
    provider.end_all()
    bench.make_due()
    bench.dispatcher.waiting = 3
    for _ in range(5):
        bench.make_due()
    assert sorted(bench.dispatcher.collects) == keys


def test_a_young_job_that_is_not_listed_yet_is_not_lost() -> None:
    provider = SteeredRemote(find_lag_seconds=60.0)
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    provider.end_all(PollStatus.LOST)
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.SUBMITTED


def test_leases_are_spared_after_a_time_in_which_nobody_could_extend_them() -> None:
    bench = Bench(SteeredLocal(), lease_seconds=0.2)
    [key] = bench.add_set()
    claim(bench, key)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 0.15, description="half a lease to pass")
    bench.make_due()
    assert chunk(bench, key).status is ChunkStatus.CLAIMED

    def recovered() -> bool:
        bench.make_due()
        return chunk(bench, key).status is ChunkStatus.QUEUED

    wait_until(recovered, description="the lapsed claim to be recovered")


def test_a_slow_provider_keeps_no_lease_from_lapsing() -> None:
    # Given polls that take longer than half a lease, again and again
    provider = SteeredRemote()
    bench = Bench(provider, lease_seconds=0.2)
    polled, held = bench.add_set(2)
    bench.worker.submit_chunk(polled)
    poll = provider.poll

    def poll_slowly(references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        threading.Event().wait(0.15)
        return poll(references)

    provider.poll = poll_slowly  # type: ignore[method-assign]
    # When a worker dies
    bench.store.claim(held, backend=ALIAS, owner="dead", lease_seconds=0.1)

    # Then its chunk is recovered
    def recovered() -> bool:
        bench.make_due()
        return chunk(bench, held).status is ChunkStatus.QUEUED

    wait_until(recovered, description="the dead worker's chunk to be recovered", timeout_seconds=5)


class TestRecovery:
    """What the schedule cannot see."""

    def test_a_lost_message_is_sent_again_at_the_second_sight(self) -> None:
        bench = Bench(SteeredRemote())
        keys = bench.add_set(3)
        recovery = Recovery(bench.store, bench.backends, bench.dispatcher)
        bench.worker.submit_chunk(keys[0])
        recovery.sweep()
        assert bench.dispatcher.submits == []
        recovery.sweep()
        assert bench.dispatcher.submits == keys[1:]

    def test_messages_in_the_queue_are_not_lost(self) -> None:
        bench = Bench(SteeredRemote())
        bench.add_set(2)
        bench.dispatcher.waiting = 1
        recovery = Recovery(bench.store, bench.backends, bench.dispatcher)
        for _ in range(3):
            recovery.sweep()
        assert bench.dispatcher.submits == []

    def test_chunks_that_wait_for_a_slot_are_not_lost(self) -> None:
        bench = Bench(SteeredRemote(), max_pending=1)
        keys = bench.add_set(2)
        recovery = Recovery(bench.store, bench.backends, bench.dispatcher)
        for key in keys:
            bench.worker.submit_chunk(key)
        for _ in range(3):
            recovery.sweep()
        assert bench.dispatcher.submits == []

    def test_a_claim_that_fell_out_of_the_schedule_comes_back(self) -> None:
        bench = Bench(SteeredRemote())
        [key] = bench.add_set()
        bench.worker.submit_chunk(key)
        bench.store.unschedule(ALIAS, [key])
        Recovery(bench.store, bench.backends, bench.dispatcher).sweep()
        assert bench.store.scheduled(ALIAS, [key]) == [True]

    def test_a_leaked_slot_is_released(self) -> None:
        bench = Bench(SteeredRemote(), max_pending=1)
        held, waiting = bench.add_set(2)
        bench.worker.submit_chunk(held)
        bench.worker.submit_chunk(waiting)
        taken = bench.store.claim_collection(held, backend=ALIAS, owner="w", lease_seconds=30)
        assert taken is not None
        bench.store.finish(taken, ChunkStatus.DONE, backend=ALIAS, result=b"r")
        # The worker died between its last write and the message.
        bench.store.take_slot(ALIAS, held, max_pending=1)
        bench.store.take_slot(ALIAS, waiting, max_pending=1)
        Recovery(bench.store, bench.backends, bench.dispatcher).sweep()
        assert bench.dispatcher.submits == [waiting]

    def test_the_slot_of_a_set_that_is_gone_is_released(self) -> None:
        bench = Bench(SteeredRemote(), max_pending=1)
        [lost], [waiting] = bench.add_set(), bench.add_set()
        for key in (lost, waiting):
            bench.worker.submit_chunk(key)
        for part in ("set", "statuses"):
            bench.store.client.delete(f"jobset:{{{lost.set_id}}}:{part}")
        Recovery(bench.store, bench.backends, bench.dispatcher).sweep()
        assert bench.dispatcher.submits == [waiting]

    def test_finished_sets_are_settled(self) -> None:
        bench = Bench(SteeredLocal())
        [key] = bench.add_set()
        bench.store.cancel_set(key.set_id)
        assert bench.store.live_sets() == [key.set_id]
        Recovery(bench.store, bench.backends, bench.dispatcher).sweep()
        assert bench.store.live_sets() == []
