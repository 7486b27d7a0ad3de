"""Plans: what a run would be, and running exactly that."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from qiskit import QuantumCircuit

from jobset_client import JobManager, Plan, encoding
from jobset_protocol.codecs.qpy import decode_circuits, encode_circuits
from jobset_protocol.errors import (
    BackendNotFoundError,
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
    PayloadTooLargeError,
    VersionMismatchError,
)
from jobset_protocol.messages import BackendSpec
from jobset_protocol.store import Store
from tests.unit.client.support import ALIAS, ListSender, announce, backend, circuits

PRICES: dict[str, float | str] = {"job": 0.3, "circuit": 0.01, "shot": 0.002, "currency": "USD"}


def spec_with(**limits: Any) -> BackendSpec:
    return replace(backend(), **limits)


def heavy_circuits(count: int) -> Iterator[QuantumCircuit]:
    """Circuits of some 12,000 bytes each."""
    for number in range(count):
        circuit = QuantumCircuit(1, name=f"heavy{number}")
        for step in range(200):
            circuit.rx(0.001 * step, 0)
        yield circuit


def qpy_bytes_of(made: list[QuantumCircuit]) -> int:
    return sum(chunk.qpy_bytes for chunk in encoding.ChunkEncoder(backend()).whole([made]))


def chunk_sizes(plan: Plan) -> list[int]:
    return [len(chunk) for chunk in plan.chunks]


def test_a_plan_says_what_a_run_would_be(
    manager: JobManager, store: Store, sender: ListSender
) -> None:
    announce(store, spec_with(max_circuits=4, prices=PRICES))
    plan = manager.plan(circuits(10), ALIAS, shots=100)
    assert list(plan.chunks) == [range(4), range(4, 8), range(8, 10)]
    assert (plan.circuit_count, plan.shots, plan.backend) == (10, 1000, ALIAS)
    assert plan.encoded_bytes > 1000
    assert plan.cost == pytest.approx(3 * 0.3 + 10 * 0.01 + 1000 * 0.002)
    assert plan.currency == "USD"
    assert not store.find_sets()
    assert not sender.sent


def test_without_prices_there_is_no_cost(manager: JobManager) -> None:
    plan = manager.plan(circuits(2), ALIAS)
    assert (plan.cost, plan.currency) == (None, None)
    assert "cost: unknown" in str(plan)
    assert plan.shots == 2048


def test_a_plan_can_be_read(manager: JobManager, store: Store) -> None:
    announce(store, spec_with(prices=PRICES))
    plan = manager.plan(circuits(40), ALIAS, 2, shots=1000)
    lines = str(plan).splitlines()
    assert lines[0] == "Plan for backend 'sim':"
    assert [" ".join(line.split()) for line in lines[1:6]] == [
        "circuits: 40",
        "chunks: 20",
        "shots: 40,000 (1,000 for each circuit)",
        f"encoded bytes: {plan.encoded_bytes:,}",
        "cost: 86.40 USD (estimated)",
    ]
    assert lines[8].split()[:4] == ["0", "0-1", "2", "2,000"]
    assert lines[-1].split() == ["…", "and", "8", "more"]
    assert repr(plan) == "<Plan: 40 circuits in 20 chunks for 'sim'>"


def test_a_plan_as_plain_values(manager: JobManager) -> None:
    plan = manager.plan(circuits(3), ALIAS, 2, shots=5)
    figures = plan.to_dict()
    chunks = figures.pop("chunks")
    assert figures == {
        "backend": ALIAS,
        "circuits": 3,
        "shots": 15,
        "encoded_bytes": sum(chunk["encoded_bytes"] for chunk in chunks),
        "cost": None,
        "currency": None,
    }
    assert [(chunk["start"], chunk["stop"]) for chunk in chunks] == [(0, 2), (2, 3)]


@pytest.mark.parametrize("limits", [{}, {"max_bytes": 6000}])
def test_running_a_plan_submits_it_without_encoding_again(
    manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    announce(store, spec_with(**limits))
    made = circuits(7)
    plan = manager.plan(made, ALIAS, 3, shots=9, memory=True)

    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("encoded again")

    monkeypatch.setattr(encoding, "encode_circuits", refuse)
    job_set = manager.run(plan, name="planned", job_tags=["a"], seed_policy="same_for_all")
    assert [circuits for _, circuits in job_set.layout] == list(plan.chunks)
    assert job_set.record.options == {"shots": 9, "memory": True}
    assert (job_set.name(), job_set.record.seed_policy) == ("planned", "same_for_all")
    assert list(job_set.circuit_names()) == [circuit.name for circuit in made]
    assert job_set.record.sealed


def test_an_uneven_plan_is_submitted_as_it_is(
    manager: JobManager, store: Store, sender: ListSender
) -> None:
    heavy, light = list(heavy_circuits(3)), circuits(4)
    announce(store, spec_with(max_bytes=qpy_bytes_of(heavy[:1]) + 100))
    plan = manager.plan([*heavy, *light], ALIAS, 4)
    assert chunk_sizes(plan) == [1, 1, 1, 1, 3]
    job_set = manager.run(plan)
    assert [circuits for _, circuits in job_set.layout] == list(plan.chunks)
    sent = [c.name for key in sender.sent for c in decode_circuits(store.payload(key))]
    assert sent == [circuit.name for circuit in [*heavy, *light]]


def test_a_plan_runs_twice(manager: JobManager) -> None:
    plan = manager.plan(iter(circuits(3)), ALIAS, 2)
    first, second = manager.run(plan), manager.run(plan)
    assert first != second
    assert list(first.circuit_names()) == list(second.circuit_names())


@pytest.mark.parametrize(
    "again", [{"backend": ALIAS}, {"max_experiments_per_job": 3}, {"shots": 10}]
)
def test_what_a_plan_has_fixed_is_not_given_again(
    manager: JobManager, store: Store, again: dict[str, Any]
) -> None:
    plan = manager.plan(circuits(1), ALIAS)
    [name] = again
    with pytest.raises(ConfigurationError, match=f"fixed .* leave out {name}"):
        manager.run(plan, **again)
    assert not store.find_sets()


@pytest.mark.parametrize("argument", ["name", "job_tags", "seed_policy", "idempotency_key"])
def test_what_belongs_to_run_is_no_option(manager: JobManager, argument: str) -> None:
    given: dict[str, Any] = {argument: "x"}
    with pytest.raises(ConfigurationError, match=f"give {argument} to run"):
        manager.plan(circuits(1), ALIAS, **given)


def test_a_plan_for_a_backend_that_nobody_knows(manager: JobManager) -> None:
    plan = replace(manager.plan(circuits(1), ALIAS), backend="gone")
    with pytest.raises(BackendNotFoundError, match="gone"):
        manager.run(plan)


def test_a_plan_that_workers_cannot_read_any_more(manager: JobManager, store: Store) -> None:
    announce(store, spec_with(qpy_version=16))
    plan = manager.plan(circuits(1), ALIAS)
    announce(store, spec_with(qpy_version=13))
    with pytest.raises(VersionMismatchError, match="plan again"):
        manager.run(plan)
    assert not store.find_sets()


def test_a_plan_of_nothing_is_refused(manager: JobManager) -> None:
    with pytest.raises(InvalidExperimentsError):
        manager.plan(iter(()), ALIAS)


def test_circuits_times_shots_cap_a_chunk(manager: JobManager, store: Store) -> None:
    announce(store, spec_with(max_executions=5000))
    assert chunk_sizes(manager.plan(circuits(10), ALIAS, 8, shots=1250)) == [4, 4, 2]
    assert chunk_sizes(manager.plan(iter(circuits(10)), ALIAS, shots=1250)) == [4, 4, 2]
    assert chunk_sizes(manager.plan(circuits(10), ALIAS, 3, shots=1250)) == [3, 3, 3, 1]
    assert chunk_sizes(manager.plan(circuits(10), ALIAS, 8)) == [4, 4, 2]
    with pytest.raises(InvalidOptionsError, match=r"5,001 shots .*5,000 circuits × shots"):
        manager.plan(circuits(10), ALIAS, shots=5001)


def test_a_list_with_too_many_circuits_times_shots_is_refused(
    manager: JobManager, store: Store
) -> None:
    announce(store, spec_with(max_executions=5000))
    with pytest.raises(InvalidExperimentsError, match=r"experiment_list\[1\] holds 5 .* takes 4"):
        manager.run_lists(
            [circuits(4), circuits(5)], ALIAS, set_id="5f" * 16, name="lists", shots=1250
        )
    assert not store.find_sets()


def test_bytes_cap_a_chunk(manager: JobManager, store: Store) -> None:
    made = list(heavy_circuits(10))
    limit = qpy_bytes_of(made[:3])
    announce(store, spec_with(max_bytes=limit))
    plan = manager.plan(made, ALIAS, 10)
    assert len(plan.chunks) > 3
    assert all(chunk["encoded_bytes"] <= limit for chunk in plan.to_dict()["chunks"])


def test_a_circuit_above_the_cap_is_named(manager: JobManager, store: Store) -> None:
    announce(store, spec_with(max_bytes=5000))
    made = [*circuits(2), *heavy_circuits(1)]
    with pytest.raises(PayloadTooLargeError, match=r"circuit 2 \('heavy0'\) .* 'sim' takes 5,000"):
        manager.run(made, ALIAS, max_experiments_per_job=10)
    assert not store.find_sets()


@pytest.mark.parametrize("name", ["TARGET_BYTES", "MOST_INSTRUCTIONS"])
def test_a_list_of_huge_circuits_is_cut(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(encoding, name, {"TARGET_BYTES": 40_000, "MOST_INSTRUCTIONS": 500}[name])
    for made in (heavy_circuits(7), list(heavy_circuits(7))):
        job_set = manager.run(made, ALIAS, max_experiments_per_job=7)
        sizes = [len(circuits) for _, circuits in job_set.layout]
        assert sum(sizes) == 7
        assert max(sizes) == 3


def test_a_list_that_no_reader_would_take_whole_is_cut(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy_encode(made: list[QuantumCircuit], *, qpy_version: int, first_index: int) -> bytes:
        if len(made) > 2:
            raise PayloadTooLargeError("3 are too many")
        return encode_circuits(made, qpy_version=qpy_version, first_index=first_index)

    monkeypatch.setattr(encoding, "encode_circuits", choosy_encode)
    job_set = manager.run(circuits(7), ALIAS, max_experiments_per_job=7)
    assert [len(circuits) for _, circuits in job_set.layout] == [2, 2, 2, 1]
