import logging

import pytest
from qiskit import QuantumCircuit

from jobset_client import JobManager, dispatch, encoding
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.errors import (
    InvalidExperimentsError,
    PayloadTooLargeError,
    StoreUnavailableError,
    VersionMismatchError,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, ListSender, circuits


@pytest.mark.parametrize(("seconds", "sizes"), [(0.0, [1] * 6), (60.0, [1, 5])])
def test_a_batch_goes_off_when_its_time_is_up_and_the_first_one_at_once(
    manager: JobManager,
    sender: ListSender,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    sizes: list[int],
) -> None:
    monkeypatch.setattr(dispatch, "BATCH_SECONDS", seconds)
    sent: list[int] = []
    monkeypatch.setattr(sender, "send", lambda job_set, indices: sent.append(len(indices)))
    manager.run(circuits(6), ALIAS, max_experiments_per_job=1)
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
    monkeypatch.setattr(dispatch, "BATCH_SECONDS", 0.0)
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
    with pytest.raises(InvalidExperimentsError, match="circuit 0 .* cannot be written"):
        manager.run(QuantumCircuit(1, name="\ud800"), ALIAS)
    assert not store.find_sets()
