import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from qiskit import QuantumCircuit

from jobset_client import JobManager, dispatch, encoding
from jobset_client.encoding import ChunkEncoder
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidExperimentsError,
    InvalidStateError,
    PayloadTooLargeError,
    ResultNotAvailableError,
    StoreUnavailableError,
    VersionMismatchError,
)
from jobset_protocol.messages import SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import (
    ALIAS,
    FakeWorker,
    ListSender,
    announce,
    backend,
    circuits,
    counts_of,
)


@pytest.mark.parametrize(("seconds", "sizes"), [(0.0, [1] * 6), (60.0, [1, 5])])
def test_a_batch_goes_off_when_its_time_is_up_and_the_first_one_at_once(
    manager: JobManager,
    sender: ListSender,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    sizes: list[int],
) -> None:
    monkeypatch.setattr(dispatch, "BATCH_SECONDS", seconds)
    monkeypatch.setattr(dispatch, "MOST_BATCH_SECONDS", seconds)
    sent: list[int] = []
    monkeypatch.setattr(sender, "send", lambda job_set, indices: sent.append(len(indices)))
    manager.run(circuits(6), ALIAS, max_experiments_per_job=1)
    assert sent == sizes


@pytest.mark.parametrize(
    ("sending_seconds", "sizes"), [(0.0, [1, 2, 2, 2]), (0.035, [1, 5, 1]), (9.0, [1, 63, 1])]
)
def test_batches_grow_with_the_time_that_sending_takes(
    monkeypatch: pytest.MonkeyPatch, sending_seconds: float, sizes: list[int]
) -> None:
    now = 0.0
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(monotonic=lambda: now))

    def chunks() -> Iterator[encoding.EncodedChunk]:
        nonlocal now
        for index in range(sum(sizes)):
            now += 0.008
            yield encoding.EncodedChunk(range(index, index + 1), ["c"], b"", 0)

    sent = []
    for batch in dispatch.batches(chunks()):
        sent.append(len(batch))
        now += sending_seconds
    assert sent == sizes


def test_large_chunks_make_small_batches(
    manager: JobManager, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_BATCH_BYTES", 1)
    sizes: list[int] = []
    monkeypatch.setattr(sender, "send", lambda job_set, indices: sizes.append(len(indices)))
    manager.run(circuits(5), ALIAS, max_experiments_per_job=1)
    assert sizes == [1] * 5


def test_a_chunk_is_in_the_store_before_its_message(
    manager: JobManager, store: Store, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ChunkStatus] = []
    monkeypatch.setattr(
        sender,
        "send",
        lambda job_set, indices: seen.extend(
            store.statuses(job_set.set_id)[index] for index in indices
        ),
    )
    manager.run(circuits(20), ALIAS, max_experiments_per_job=1)
    assert seen == [ChunkStatus.QUEUED] * 20


def test_a_dead_broker_cancels_what_was_stored(
    manager: JobManager, store: Store, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_BATCH_SECONDS", 0.0)
    sender.fails_after = 16
    with pytest.raises(StoreUnavailableError):
        manager.run(circuits(60), ALIAS, max_experiments_per_job=1)
    [record] = store.find_sets()
    assert record.cancelled
    assert set(store.statuses(record.set_id)) == {ChunkStatus.CANCELLED}


def test_says_so_when_it_cannot_even_cancel(
    manager: JobManager,
    store: MemoryStore,
    sender: ListSender,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(set_id: str) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(store, "cancel_set", away)
    sender.fails_after = 0
    with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailableError, match="broker"):
        manager.run(circuits(2), ALIAS, name="half")
    assert "'half'" in caplog.text
    assert store.find_sets()[0].set_id in caplog.text


@pytest.mark.parametrize(
    ("raised", "expected", "words"),
    [
        (InvalidExperimentsError("odd"), InvalidExperimentsError, "odd"),
        (PayloadTooLargeError("9 MB"), PayloadTooLargeError, r"circuit 0 \('c0'\) .* 9 MB"),
        (VersionMismatchError("old"), VersionMismatchError, "old"),
    ],
)
def test_circuits_that_cannot_be_encoded_leave_nothing_behind(
    manager: JobManager,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    expected: type[Exception],
    words: str,
) -> None:
    def refuse(circuits: list[QuantumCircuit], *, qpy_version: int, first_index: int) -> bytes:
        raise raised

    monkeypatch.setattr(encoding, "encode_circuits", refuse)
    with pytest.raises(expected, match=words):
        manager.run(circuits(3), ALIAS, max_experiments_per_job=2)
    assert not store.find_sets()


def test_encodes_at_the_version_that_workers_read(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions: list[int] = []

    def recording_encode(
        circuits: list[QuantumCircuit], *, qpy_version: int, first_index: int
    ) -> bytes:
        versions.append(qpy_version)
        return encode_circuits(circuits, qpy_version=qpy_version, first_index=first_index)

    monkeypatch.setattr(encoding, "encode_circuits", recording_encode)
    manager.run(circuits(2), ALIAS, max_experiments_per_job=1)
    assert versions == [13, 13]


def test_a_circuit_that_no_worker_would_read_is_refused_at_once(
    manager: JobManager, store: Store
) -> None:
    with pytest.raises(PayloadTooLargeError, match="20,000 qubits"):
        manager.run([*circuits(1), QuantumCircuit(20_000)], ALIAS, max_experiments_per_job=2)
    assert not store.find_sets()


def test_a_circuit_that_cannot_travel_is_named(manager: JobManager, store: Store) -> None:
    odd = QuantumCircuit(1, name="odd", metadata={"made by": object()})
    with pytest.raises(InvalidExperimentsError, match=r"circuit 1 \('odd'\)"):
        manager.run([*circuits(1), odd], ALIAS, max_experiments_per_job=2)
    assert not store.find_sets()


def test_a_name_that_cannot_be_stored_is_refused(manager: JobManager, store: Store) -> None:
    with pytest.raises(InvalidExperimentsError, match=r"circuit 0 .* cannot be written"):
        manager.run(QuantumCircuit(1, name="\ud800"), ALIAS)
    assert not store.find_sets()


def test_a_generator_is_consumed_as_chunks_are_sent(
    manager: JobManager, sender: ListSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_BATCH_SECONDS", 0.0)
    sent_before: list[int] = []

    def source() -> Iterator[QuantumCircuit]:
        for circuit in circuits(7):
            sent_before.append(len(sender.sent))
            yield circuit

    job_set = manager.run(source(), ALIAS, max_experiments_per_job=2)
    assert sent_before == [0, 0, 1, 1, 2, 2, 3]
    assert [circuits for _, circuits in job_set.layout] == [
        range(2),
        range(2, 4),
        range(4, 6),
        range(6, 7),
    ]
    assert [key.index for key in sender.sent] == [0, 1, 2, 3]
    assert list(job_set.circuit_names()) == [f"c{i}" for i in range(7)]
    assert job_set.record.sealed


def test_a_set_from_a_generator_runs_to_its_end(manager: JobManager, store: Store) -> None:
    job_set = manager.run(iter(circuits(7)), ALIAS, max_experiments_per_job=3)
    FakeWorker(store, job_set).run_all()
    results = job_set.results(timeout=5)
    assert results.success
    assert [results.get_counts(f"c{i}") for i in range(7)] == [counts_of(i) for i in range(7)]
    again = manager.retrieve_job_set(job_set.job_set_id(), refresh=True)
    assert list(again.circuit_names()) == [f"c{i}" for i in range(7)]


def test_a_generator_without_circuits_leaves_nothing_behind(
    manager: JobManager, store: Store
) -> None:
    with pytest.raises(InvalidExperimentsError, match="nothing to run"):
        manager.run(iter(()), ALIAS)
    assert not store.find_sets()


@pytest.mark.parametrize(
    ("bad", "words"),
    [(3, r"experiments\[5\] is a int"), (QuantumCircuit(9), r"experiments\[5\] .* has 9 qubits")],
)
def test_a_mistake_in_a_generator_cancels_what_was_sent(
    manager: JobManager, store: Store, bad: object, words: str
) -> None:
    announce(store, backend(num_qubits=8))
    source: Any = iter([*circuits(5), bad])
    with pytest.raises(InvalidExperimentsError, match=words):
        manager.run(source, ALIAS, max_experiments_per_job=2)
    [record] = store.find_sets()
    assert (record.cancelled, record.sealed) == (True, True)
    assert set(store.statuses(record.set_id)) == {ChunkStatus.CANCELLED}
    assert store.counts(record.set_id).keys() == {ChunkStatus.CANCELLED}


def test_a_mistake_in_a_generators_first_chunk_leaves_nothing_behind(
    manager: JobManager, store: Store
) -> None:
    source: Any = iter([*circuits(1), 3])
    with pytest.raises(InvalidExperimentsError, match=r"experiments\[1\]"):
        manager.run(source, ALIAS, max_experiments_per_job=2)
    assert not store.find_sets()


def test_what_a_generator_raises_cancels_what_was_sent(manager: JobManager, store: Store) -> None:
    def source() -> Iterator[QuantumCircuit]:
        yield from circuits(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        manager.run(source(), ALIAS, max_experiments_per_job=1)
    [record] = store.find_sets()
    assert record.cancelled
    assert set(store.statuses(record.set_id)) == {ChunkStatus.CANCELLED}


def test_a_set_holds_so_many_chunks_at_most(
    manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MAX_CHUNKS", 3)
    with pytest.raises(ConfigurationError, match="raise max_experiments_per_job"):
        manager.run(iter(circuits(4)), ALIAS, max_experiments_per_job=1)
    assert store.find_sets()[0].cancelled


def test_lists_keep_their_boundaries(store: Store, manager: JobManager, sender: ListSender) -> None:
    made = circuits(6)
    record = SetRecord("5f" * 16, "lists", ALIAS, "ada", circuit_count=0, chunk_size=3)
    chunks = ChunkEncoder(backend()).whole([made[:1], made[1:4], made[4:]])
    assert dispatch.dispatch_open(store, sender, record, chunks) == [f"c{i}" for i in range(6)]
    job_set = manager.retrieve_job_set(record.set_id)
    assert [circuits for _, circuits in job_set.layout] == [range(1), range(1, 4), range(4, 6)]


def test_a_generator_that_raises_leaves_no_success(manager: JobManager, store: Store) -> None:
    """Not even when everything that came before is done by then."""

    def source() -> Iterator[QuantumCircuit]:
        yield from circuits(2)
        yield circuits(3)[2]
        [record] = store.find_sets()
        worker = FakeWorker(store, manager.retrieve_job_set(record.set_id))
        for index, _ in enumerate(store.statuses(record.set_id)):
            worker.run(index)
        raise OSError("the file of circuits ends here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "MOST_BATCH_SECONDS", 0.0)
        with pytest.raises(OSError, match="ends here"):
            manager.run(source(), ALIAS, max_experiments_per_job=1)
    [job_set] = manager.job_sets()
    job_set.retrieve_jobs(manager, refresh=True)
    assert ChunkStatus.DONE in job_set.chunk_statuses()
    results = job_set.results(timeout=5)
    assert not results.success
    with pytest.raises(ResultNotAvailableError):
        results.combine_results()
    assert "were never sent" in (job_set.error_messages(timeout=0) or "")


def test_a_set_that_is_cancelled_takes_no_more_circuits(
    manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator may never end: cancelling ends the call that consumes it."""
    monkeypatch.setattr(dispatch, "MOST_BATCH_SECONDS", 0.0)

    def source() -> Iterator[QuantumCircuit]:
        for number in range(1000):
            if number == 10:
                [job_set] = manager.job_sets()
                job_set.cancel()
            yield circuits(1)[0]

    with pytest.raises(InvalidStateError, match="it was cancelled"):
        manager.run(source(), ALIAS, max_experiments_per_job=1)
    [record] = store.find_sets()
    assert record.sealed
    assert record.circuit_count < 20
    assert set(store.statuses(record.set_id)) == {ChunkStatus.CANCELLED}
