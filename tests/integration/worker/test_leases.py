"""Claims are kept alive while they are held, and only then."""

from jobset_protocol.messages import Claim
from jobset_protocol.statuses import ChunkStatus
from tests.support import wait_until
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal
from worker.leases import LeaseKeeper

LEASE_SECONDS = 0.15


def claimed(bench: Bench) -> Claim:
    [key] = bench.add_set()
    taken = bench.store.claim(key, backend=ALIAS, owner="w", lease_seconds=LEASE_SECONDS)
    assert taken is not None
    return taken[0]


def lease_until(bench: Bench, claim: Claim) -> float:
    [record] = bench.store.chunks([claim.key])
    return record.lease_until


def test_a_held_claim_is_extended_again_and_again() -> None:
    bench = Bench(SteeredLocal())
    claim = claimed(bench)
    first = lease_until(bench, claim)
    with LeaseKeeper(bench.store, lease_seconds=LEASE_SECONDS).hold(claim, ALIAS):
        wait_until(
            lambda: lease_until(bench, claim) > first + LEASE_SECONDS, description="extensions"
        )
        assert not bench.store.requeue(claim, backend=ALIAS, counter="", lapsed_only=True)


def test_a_released_claim_lapses() -> None:
    bench = Bench(SteeredLocal())
    claim = claimed(bench)
    with LeaseKeeper(bench.store, lease_seconds=LEASE_SECONDS).hold(claim, ALIAS):
        pass
    wait_until(
        lambda: bench.store.requeue(claim, backend=ALIAS, counter="", lapsed_only=True),
        description="the lease to lapse",
    )


def test_a_claim_that_was_taken_over_is_dropped() -> None:
    bench = Bench(SteeredLocal())
    claim = claimed(bench)
    keeper = LeaseKeeper(bench.store, lease_seconds=LEASE_SECONDS)
    with keeper.hold(claim, ALIAS):
        bench.store.requeue(claim, backend=ALIAS, counter="")
        taken = bench.store.claim(claim.key, backend=ALIAS, owner="w2", lease_seconds=60)
        assert taken is not None
        theirs = lease_until(bench, claim)
        wait_until(lambda: not keeper.held(), description="the old claim to be dropped")
    assert lease_until(bench, claim) == theirs
    assert bench.store.statuses(claim.key.set_id) == [ChunkStatus.CLAIMED]
