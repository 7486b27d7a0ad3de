"""What was submitted can be read back from the store."""

import json
from collections.abc import Iterable

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import FailureKind, StoreLostError
from jobset_protocol.messages import ChunkKey, ErrorRecord
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, circuits


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(circuits(7), ALIAS, max_experiments_per_job=3, shots=10, seed_simulator=5)


def test_each_job_has_what_was_submitted(job_set: ManagedJobSet) -> None:
    made = circuits(7)
    qobjs = job_set.qobjs()
    assert [qobj and qobj.experiments for qobj in qobjs] == [made[:3], made[3:6], made[6:]]
    assert [qobj and qobj.config.start_index for qobj in qobjs] == [0, 3, 6]
    for qobj, managed_job in zip(qobjs, job_set.managed_jobs(), strict=True):
        assert qobj is not None
        assert (qobj.config.shots, qobj.config.seed_simulator) == (10, 5)
        assert qobj.config.seed_policy == "as_if_unsplit"
        assert managed_job.qobj() == qobj


def test_a_job_that_could_not_be_submitted_has_nothing(
    store: MemoryStore, job_set: ManagedJobSet
) -> None:
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.fail(1, "refused", where="submit")
    assert [qobj is None for qobj in job_set.qobjs()] == [False, True, False]
    assert list(job_set.circuits()) == circuits(7)


def test_as_a_dictionary(manager: JobManager) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, 1, name="turned", metadata={"number": 7})
    circuit.rx(0.5, 0)
    circuit.rz(2 * angle, 1)
    circuit.unitary(np.eye(2), [0])
    circuit.measure(1, 0)
    [qobj] = manager.run(circuit, ALIAS, shots=3).qobjs()
    assert qobj is not None
    [experiment] = qobj.to_dict()["experiments"]
    header = experiment["header"]
    assert (header["name"], header["metadata"]) == ("turned", {"number": 7})
    assert (header["n_qubits"], header["memory_slots"]) == (2, 1)
    assert experiment["instructions"] == [
        {"name": "rx", "qubits": [0], "params": [0.5]},
        {"name": "rz", "qubits": [1], "params": ["2*angle"]},
        {"name": "unitary", "qubits": [0], "params": [[[1, 0], [0, 1]]]},
        {"name": "measure", "qubits": [1], "memory": [0]},
    ]


def test_all_circuits_in_order(job_set: ManagedJobSet) -> None:
    made, read = circuits(7), job_set.circuits()
    assert len(read) == 7
    assert list(read) == made
    assert read[-1] == made[6]
    assert read[2:5] == made[2:5]
    for index in (7, -8):
        with pytest.raises(IndexError, match="no circuit"):
            read[index]


def test_a_circuit_belongs_to_the_caller(job_set: ManagedJobSet) -> None:
    read = job_set.circuits()
    read[0].x(0)
    assert read[0] == circuits(1)[0]


def test_one_chunk_is_read_for_one_circuit(
    store: MemoryStore, job_set: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    payload = store.payload

    def recording_payload(key: ChunkKey) -> bytes:
        reads.append(key.index)
        return payload(key)

    monkeypatch.setattr(store, "payload", recording_payload)
    read = job_set.circuits()
    assert reads == []
    assert [read[index].name for index in (3, 4, 5)] == ["c3", "c4", "c5"]
    assert reads == [1]
    assert sum(1 for _ in read) == 7
    assert reads == [1, 0, 1, 2]


def test_halves_share_a_payload(store: MemoryStore, job_set: ManagedJobSet) -> None:
    claim, _ = FakeWorker(store, job_set).claim(1)
    error = ErrorRecord("ProviderError", "refused", FailureKind.REJECTED, "submit")
    store.split(claim, store.set_record(job_set.job_set_id()), backend=ALIAS, error=error)
    assert list(job_set.circuits()) == circuits(7)
    assert [names(qobj.experiments) for qobj in job_set.qobjs() if qobj] == [
        ["c0", "c1", "c2"],
        ["c3"],
        ["c4", "c5"],
        ["c6"],
    ]


def test_circuits_that_are_gone(store: MemoryStore, job_set: ManagedJobSet) -> None:
    for key in store.client.scan_iter("*:chunk:1:payload"):
        store.client.delete(key)
    assert job_set.circuits()[0] == circuits(1)[0]
    with pytest.raises(StoreLostError, match="gone from the store"):
        job_set.qobjs()


def names(made: Iterable[QuantumCircuit]) -> list[str]:
    return [circuit.name for circuit in made]


def test_a_document_of_plain_gates_is_json(job_set: ManagedJobSet) -> None:
    [first, *_] = job_set.qobjs()
    assert first is not None
    assert json.loads(json.dumps(first.to_dict()))["config"]["shots"] == 10
