"""A refused chunk is halved until the bad circuit is alone, and named."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from qiskit.result import Result

from jobset_protocol.codecs.result import decode_result
from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import ChunkKey, ChunkRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredLocal, SteeredRemote, result_of
from worker.providers.base import Payload, PollStatus


def refuse(payload: Payload, names: Sequence[str]) -> None:
    bad = [circuit.name for circuit in payload.circuits if circuit.name in names]
    if bad:
        raise ProviderError("no such gate", kind=FailureKind.REJECTED)


class ChoosyLocal(SteeredLocal):
    """Refuses whole chunks for one bad circuit, and remembers what it was given."""

    def __init__(self, *bad: str) -> None:
        super().__init__()
        self.bad = bad
        self.seen: list[tuple[int, list[str]]] = []

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        self.seen.append((payload.start_index, [circuit.name for circuit in payload.circuits]))
        refuse(payload, self.bad)
        return result_of(payload)


class ChoosyRemote(SteeredRemote):
    """The same at a remote provider."""

    def __init__(self, *bad: str) -> None:
        super().__init__()
        self.bad = bad

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        refuse(payload, self.bad)
        return super().submit(payload, tag=tag, options=options)


def work_off(bench: Bench, keys: Sequence[ChunkKey]) -> None:
    """Do what workers and the watcher do, until no message is left."""
    bench.dispatcher.submits += keys
    while bench.dispatcher.submits or bench.dispatcher.collects:
        while bench.dispatcher.submits:
            bench.worker.submit_chunk(bench.dispatcher.submits.pop(0))
        if isinstance(bench.backend.adapter, SteeredRemote):
            bench.backend.adapter.end_all(PollStatus.DONE)
            bench.make_due()
        while bench.dispatcher.collects:
            bench.worker.collect_chunk(bench.dispatcher.collects.pop(0))


def chunks_of(bench: Bench, set_id: str) -> list[ChunkRecord]:
    count = bench.store.set_record(set_id).chunk_count
    return bench.store.chunks([ChunkKey(set_id, index) for index in range(count)])


@pytest.mark.parametrize("provider", [ChoosyLocal("c5"), ChoosyRemote("c5")])
def test_the_bad_circuit_fails_alone_and_is_named(provider: ChoosyLocal | ChoosyRemote) -> None:
    # Given a chunk of eight circuits, of which the provider refuses one
    bench = Bench(provider)
    keys = bench.add_set(chunks=2, chunk_size=8)
    # When all is worked off
    work_off(bench, keys)
    # Then one chunk of one circuit failed, and all others are done
    job_set = bench.store.set_record(keys[0].set_id)
    records = chunks_of(bench, keys[0].set_id)
    left = [record for record in records if record.status is not ChunkStatus.SPLIT]
    failed = [record for record in left if record.status is ChunkStatus.FAILED]
    assert [job_set.circuits_of(record.key.index) for record in failed] == [range(5, 6)]
    assert failed[0].error is not None
    assert failed[0].error.message == "circuit 5 ('c5') is refused: no such gate"
    assert failed[0].error.kind is FailureKind.REJECTED
    done = [record for record in left if record.status is ChunkStatus.DONE]
    assert len(done) == len(left) - 1
    # And every other circuit has its result, once
    names = []
    for record in done:
        [blob] = bench.store.results([record.key])
        assert blob is not None
        names += [experiment.header["name"] for experiment in decode_result(blob).results]
    assert sorted(names) == sorted(f"c{index}" for index in range(16) if index != 5)
    assert not bench.store.live_sets()
    assert bench.store.counts(keys[0].set_id) == {ChunkStatus.DONE: 4, ChunkStatus.FAILED: 1}


def test_halves_keep_the_indices_of_their_circuits() -> None:
    provider = ChoosyLocal("c12")
    bench = Bench(provider)
    keys = bench.add_set(chunks=2, chunk_size=8)
    work_off(bench, keys[1:])
    assert [(start, len(names)) for start, names in provider.seen] == [
        (8, 8), (8, 4), (12, 4), (12, 2), (14, 2), (12, 1), (13, 1)
    ]  # fmt: skip
    assert all(names[0] == f"c{start}" for start, names in provider.seen)


def test_several_bad_circuits_are_all_found() -> None:
    bench = Bench(ChoosyLocal("c0", "c3", "c6"))
    keys = bench.add_set(chunk_size=7)
    work_off(bench, keys)
    job_set = bench.store.set_record(keys[0].set_id)
    failed = [
        job_set.circuits_of(record.key.index).start
        for record in chunks_of(bench, keys[0].set_id)
        if record.status is ChunkStatus.FAILED
    ]
    assert sorted(failed) == [0, 3, 6]


def test_what_no_circuit_would_pass_is_not_halved() -> None:
    provider = SteeredLocal()
    provider.error = ProviderError("no such option", kind=FailureKind.FATAL)
    bench = Bench(provider)
    keys = bench.add_set(chunk_size=4)
    assert bench.worker.submit_chunk(keys[0]).status is ChunkStatus.FAILED
    assert bench.store.set_record(keys[0].set_id).chunk_count == 1


def test_a_halved_chunk_gives_its_slot_to_the_next_one() -> None:
    bench = Bench(ChoosyRemote("c0"), max_pending=1)
    first, second = bench.add_set(chunks=2, chunk_size=2)
    bench.worker.submit_chunk(first)
    holders, _ = bench.store.slots(ALIAS)
    assert first not in holders
    work_off(bench, [second])
    counts = bench.store.counts(first.set_id)
    assert counts == {ChunkStatus.DONE: 2, ChunkStatus.FAILED: 1}


def test_a_zombie_does_not_halve_a_chunk_that_another_worker_has() -> None:
    # Given a worker that stands still in its run until another one has finished the chunk
    provider = SteeredLocal()
    bench = Bench(provider, lease_seconds=0.0)
    [key] = bench.add_set(chunk_size=2)
    other = bench.new_worker("w2")

    def be_overtaken() -> None:
        provider.during_run = lambda: None
        bench.make_due()
        assert other.submit_chunk(key).status is ChunkStatus.DONE
        provider.error = ProviderError("no such gate", kind=FailureKind.REJECTED)

    provider.during_run = be_overtaken
    # When it then hears that the chunk is refused
    outcome = bench.worker.submit_chunk(key)
    # Then it changes nothing
    assert outcome.status is None
    assert bench.store.counts(key.set_id) == {ChunkStatus.DONE: 1}
