"""Sets that are deleted under a worker's hands: everybody ends quietly, and nothing stays."""

from collections.abc import Callable

import pytest

from jobset_protocol.errors import FailureKind, ProviderError, StoreError
from jobset_protocol.messages import ChunkKey
from tests.known_keys import assert_no_leaked_key
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal, SteeredRemote
from worker.leases import LeaseKeeper
from worker.recovery import Recovery


def delete(bench: Bench, key: ChunkKey) -> None:
    assert bench.store.delete_set(key.set_id, force=True)


def assert_nothing_is_left(bench: Bench, key: ChunkKey) -> None:
    assert_no_leaked_key(bench.store)
    assert list(bench.store.client.scan_iter(f"*{key.set_id}*")) == []
    assert bench.store.slots(ALIAS) == ([], [])


def test_a_message_of_a_deleted_set_does_nothing() -> None:
    bench = Bench(SteeredRemote(), max_pending=1)
    [key] = bench.add_set()
    delete(bench, key)
    for step in (bench.worker.submit_chunk, bench.worker.collect_chunk):
        assert str(step(key)) == "nothing to do: its job set was deleted"
    assert_nothing_is_left(bench, key)


def test_a_worker_that_knows_the_set_gives_its_slot_back() -> None:
    # Given a worker that has read the set, and another set that waits
    bench = Bench(SteeredRemote(), max_pending=2)
    keys = bench.add_set(2)
    bench.worker.submit_chunk(keys[0])
    delete(bench, keys[0])
    assert bench.worker.submit_chunk(keys[1]).status is None
    assert_nothing_is_left(bench, keys[0])
    # The entry that a failed claim leaves in the schedule goes when it is due.
    bench.store.reschedule(ALIAS, {keys[1]: -1.0})
    assert bench.watcher.attend() == 1
    assert bench.store.next_due_seconds(ALIAS) is None


@pytest.mark.parametrize("error", [None, ProviderError("no", kind=FailureKind.TRANSIENT)])
def test_a_local_run_ends_quietly(error: Exception | None) -> None:
    provider = SteeredLocal()
    bench = Bench(provider, max_pending=1)
    [key] = bench.add_set()
    provider.during_run = lambda: delete(bench, key)
    provider.error = error
    assert bench.worker.submit_chunk(key).status is None
    assert_nothing_is_left(bench, key)


def test_a_refused_chunk_of_a_deleted_set_is_not_halved() -> None:
    provider = SteeredLocal()
    bench = Bench(provider)
    [key] = bench.add_set(chunk_size=4)
    provider.during_run = lambda: delete(bench, key)
    provider.error = ProviderError("no", kind=FailureKind.REJECTED)
    assert bench.worker.submit_chunk(key).status is None
    assert_nothing_is_left(bench, key)


def test_a_job_that_nobody_will_ask_for_is_cancelled() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    provider.after_submit = lambda: delete(bench, key)
    assert bench.worker.submit_chunk(key).status is None
    assert provider.cancelled == list(provider.tags)
    assert_nothing_is_left(bench, key)


def test_a_collection_ends_quietly() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()
    bench.worker.submit_chunk(key)
    taken = bench.store.claim_collection

    def take_and_delete(*arguments: object, **named: object) -> object:
        claim = taken(*arguments, **named)  # type: ignore[arg-type]
        delete(bench, key)
        return claim

    bench.store.claim_collection = take_and_delete  # type: ignore[method-assign, assignment]
    assert bench.worker.collect_chunk(key).status is None
    assert_nothing_is_left(bench, key)


def test_a_lease_is_dropped() -> None:
    bench = Bench(SteeredRemote())
    [key] = bench.add_set()
    taken = bench.store.claim(key, backend=ALIAS, owner="w", lease_seconds=9)
    assert taken is not None
    keeper = LeaseKeeper(bench.store, lease_seconds=30)
    with keeper.hold(taken[0], ALIAS):
        delete(bench, key)
        keeper._extend(taken[0], ALIAS)
        assert keeper.held() == []
    assert_nothing_is_left(bench, key)


def test_the_watcher_drops_what_is_gone_and_goes_on() -> None:
    bench = Bench(SteeredRemote())
    [gone], [there] = bench.add_set(), bench.add_set()
    for key in (gone, there):
        bench.worker.submit_chunk(key)
    delete(bench, gone)
    bench.store.reschedule(ALIAS, {gone: -1.0, there: -1.0})
    assert bench.watcher.attend() == 2
    assert bench.store.scheduled(ALIAS, [gone, there]) == [False, True]
    assert_nothing_is_left(bench, gone)


def test_a_chunk_that_waited_for_a_slot_wakes_nobody_of_a_deleted_set() -> None:
    # Given a chunk in hand, and waiting ones of a set that is deleted and of one that is not
    provider = SteeredLocal()
    bench = Bench(provider, max_pending=1)
    [running], [gone], [there] = bench.add_set(), bench.add_set(), bench.add_set()

    def meanwhile() -> None:
        for key in (gone, there):
            bench.new_worker("w2").submit_chunk(key)
        script_keys = [f"jobset:{{{gone.set_id}}}:{part}" for part in
                       ("set", "statuses", "counts", "events", "set")]  # fmt: skip
        bench.store.scripts.call("doom", script_keys, ["force"])

    provider.during_run = meanwhile
    assert bench.worker.submit_chunk(running).status is not None
    recovery = Recovery(bench.store, bench.backends, bench.dispatcher)
    recovery.sweep()
    assert bench.dispatcher.submits == [there]


def test_the_sweep_deletes_what_has_had_its_time() -> None:
    bench = Bench(SteeredLocal())
    [short], [long] = bench.add_set(), bench.add_set()
    bench.store.update_retention(short.set_id, 1e-6)
    bench.store.update_retention(long.set_id, 1e6)
    recovery = Recovery(bench.store, bench.backends, bench.dispatcher)
    recovery.sweep()
    for key in (short, long):
        bench.worker.submit_chunk(key)
    recovery.sweep()
    assert [record.set_id for record in bench.store.find_sets()] == [long.set_id]
    assert_nothing_is_left(bench, short)


def test_a_set_whose_files_cannot_be_reached_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(SteeredLocal())
    keys = [bench.add_set()[0] for _ in range(2)]
    for key in keys:
        bench.worker.submit_chunk(key)
        bench.store.update_retention(key.set_id, 1e-6)
    reach: Callable[[str], None] = bench.store.blobs.delete_set

    def reach_one(set_id: str) -> None:
        if set_id == keys[0].set_id:
            raise StoreError("no such folder")
        reach(set_id)

    with monkeypatch.context() as patch:
        patch.setattr(bench.store.blobs, "delete_set", reach_one)
        assert bench.store.delete_expired() == [keys[1].set_id]
        assert bench.store.delete_expired() == []
    assert bench.store.delete_set(keys[0].set_id)
    assert_nothing_is_left(bench, keys[0])
