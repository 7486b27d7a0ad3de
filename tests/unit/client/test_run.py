import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

from jobset_client import JobManager
from jobset_protocol.codecs.qpy import decode_circuits
from jobset_protocol.errors import (
    BackendNotFoundError,
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
    StoreUnfitError,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import ServerReport, Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, ListSender, announce, backend, circuits

AER = {"__module__": "qiskit_aer.backends.aer_simulator"}


class Named:
    """A qiskit backend, as far as ``run`` looks at one."""

    def __init__(self, name: object) -> None:
        self.name = name


def test_stores_and_enqueues_every_chunk_in_order(
    manager: JobManager, store: Store, sender: ListSender
) -> None:
    job_set = manager.run(circuits(10), ALIAS, name="flips", max_experiments_per_job=4)
    assert [key.index for key in sender.sent] == [0, 1, 2]
    assert {key.set_id for key in sender.sent} == {job_set.job_set_id()}
    assert job_set.chunk_statuses() == [ChunkStatus.QUEUED] * 3
    names = [circuit.name for key in sender.sent for circuit in decode_circuits(store.payload(key))]
    assert names == [f"c{i}" for i in range(10)]


def test_what_was_asked_for_is_stored(manager: JobManager, store: Store) -> None:
    job_set = manager.run(
        circuits(2),
        ALIAS,
        "flips",
        None,
        "project",
        ["b", "a"],
        shots=np.int64(20),
        seed_simulator=7,
        memory=True,
    )
    record = store.set_record(job_set.job_set_id())
    assert (record.name, record.backend, record.owner) == ("flips", ALIAS, "ada")
    assert record.options == {"shots": 20, "seed_simulator": 7, "memory": True}
    assert sorted(job_set.tags()) == ["a", "b"]
    assert record.created_at > 0
    assert len(record.set_id) == 32


def test_the_name_is_the_time_by_default(manager: JobManager) -> None:
    name = manager.run(circuits(1), ALIAS).name()
    assert name.startswith("20")
    assert name.count(":") >= 2


def test_a_single_circuit_is_a_set_of_one(manager: JobManager) -> None:
    [circuit] = circuits(1)
    job_set = manager.run(circuit, ALIAS)
    assert job_set.record.circuit_count == 1


def test_a_backend_object_stands_for_its_name(manager: JobManager) -> None:
    assert manager.run(circuits(1), Named(ALIAS)).record.backend == ALIAS


@pytest.mark.parametrize("unknown", ["torino", Named("torino"), Named(lambda: ALIAS), None, 3])
def test_an_unknown_backend_lists_the_known(manager: JobManager, unknown: object) -> None:
    with pytest.raises(BackendNotFoundError, match="announced: sim"):
        manager.run(circuits(1), unknown)


def test_a_run_without_a_backend_says_so(manager: JobManager) -> None:
    with pytest.raises(BackendNotFoundError, match=r"no backend was given; .*announced: sim"):
        manager.run(circuits(1))


def test_a_simulator_object_is_pointed_to_the_alias(manager: JobManager, store: Store) -> None:
    simulator = Named("aer_simulator")
    with pytest.raises(BackendNotFoundError) as caught:
        manager.run(circuits(1), simulator)
    assert "use the alias" not in str(caught.value)
    announce(store, replace(backend(), alias="aer"))
    with pytest.raises(BackendNotFoundError, match="'aer_simulator': use the alias 'aer'"):
        manager.run(circuits(1), type("AerSimulator", (Named,), AER)("aer_simulator"))
    with pytest.raises(BackendNotFoundError) as caught:
        manager.run(circuits(1), simulator)
    assert "use the alias" not in str(caught.value)


def test_without_any_backend_it_says_how_to_start_one(sender: ListSender) -> None:
    from jobset_protocol.store.memory import memory_store

    manager = JobManager.over(memory_store(), sender, owner="ada")
    with pytest.raises(BackendNotFoundError, match="jobset worker"):
        manager.run(circuits(1), ALIAS)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"experiments": []}, InvalidExperimentsError),
        ({"experiments": [QuantumCircuit(1), 3]}, InvalidExperimentsError),
        ({"experiments": [QuantumCircuit(9)]}, InvalidExperimentsError),
        ({"max_experiments_per_job": -1}, ConfigurationError),
        ({"max_experiments_per_job": 0}, ConfigurationError),
        ({"name": "a\nb"}, ConfigurationError),
        ({"name": ""}, ConfigurationError),
        ({"job_tags": "tag"}, ConfigurationError),
        ({"job_share_level": 1}, ConfigurationError),
        ({"shots": 101}, InvalidOptionsError),
        ({"noise_model": object()}, InvalidOptionsError),
    ],
)
def test_bad_arguments_leave_nothing_behind(
    manager: JobManager,
    store: Store,
    sender: ListSender,
    arguments: dict[str, Any],
    error: type[Exception],
) -> None:
    announce(store, backend(num_qubits=8, max_shots=100))
    with pytest.raises(error):
        manager.run(**{"experiments": circuits(2), "backend": ALIAS} | arguments)
    assert not store.find_sets()
    assert not sender.sent


def test_chunks_are_capped_by_the_backend(manager: JobManager, store: Store) -> None:
    announce(store, backend(max_circuits=3))
    assert len(manager.run(circuits(10), ALIAS).layout) == 4
    assert len(manager.run(circuits(10), ALIAS, max_experiments_per_job=100).layout) == 4
    assert len(manager.run(circuits(10), ALIAS, max_experiments_per_job=2).layout) == 5


def test_warns_once_that_nobody_serves_the_backend(
    manager: JobManager, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    announce(store, backend(), alive=False)
    with caplog.at_level(logging.WARNING):
        manager.run(circuits(1), ALIAS)
        manager.run(circuits(1), ALIAS)
    assert [record.getMessage() for record in caplog.records] == [
        "no live worker serves backend 'sim': the job set is queued until one starts"
    ]


def test_does_not_warn_while_a_worker_lives(
    manager: JobManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        manager.run(circuits(1), ALIAS)
    assert not caplog.records


def test_refuses_an_unfit_server(sender: ListSender, store: MemoryStore) -> None:
    class UnfitStore(MemoryStore):
        def check_server(self) -> ServerReport:
            return ServerReport("redis", "6.0", ("its version is 6.0",))

    with pytest.raises(StoreUnfitError, match="version"):
        JobManager.over(UnfitStore(store.client), sender, owner="ada")


def test_refuses_a_bad_owner(store: Store, sender: ListSender) -> None:
    with pytest.raises(ConfigurationError, match="owner"):
        JobManager.over(store, sender, owner="")


@pytest.mark.parametrize("url", ["http://host", "host:6379"])
def test_refuses_a_bad_url(url: str) -> None:
    with pytest.raises(ConfigurationError):
        JobManager(url)


def test_a_context_manager_closes(store: Store, sender: ListSender) -> None:
    with JobManager.over(store, sender, owner="ada"):
        assert not sender.closed
    assert sender.closed


def test_lists_the_announced_backends(manager: JobManager) -> None:
    assert list(manager.backends()) == [ALIAS]
