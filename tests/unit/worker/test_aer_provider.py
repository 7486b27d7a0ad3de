from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction
from qiskit_aer import AerSimulator

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from tests.contracts.provider_contract import ProviderContract, chunked, superpositions
from worker.providers.aer import AerProvider, create
from worker.providers.base import Payload


def clifford(count: int) -> list[QuantumCircuit]:
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(4, name=f"clifford-{index}")
        circuit.h(range(4))
        circuit.cx(0, 1)
        circuit.s(index % 4)
        circuit.measure_all()
        circuits.append(circuit)
    return circuits


class TestAerProvider(ProviderContract):
    @pytest.fixture
    def provider(self) -> AerProvider:
        return create("aer", {})


class TestSplitEqualsUnsplit:
    """Pins Aer's own seed stride: the unsplit run is Aer's, not ours."""

    @pytest.mark.parametrize("chunk_size", [1, 4, 11])
    @pytest.mark.parametrize(
        "method", ["automatic", "statevector", "stabilizer", "matrix_product_state"]
    )
    def test_counts_and_memory(self, method: str, chunk_size: int) -> None:
        circuits = clifford(11) if method == "stabilizer" else superpositions(11)
        options: dict[str, Any] = {"shots": 64, "memory": True, "seed_simulator": 1234}
        unsplit = AerSimulator(method=method).run(circuits, **options).result()

        split = chunked(create("aer", {"method": method}), circuits, chunk_size, options)

        assert split == [experiment.data.to_dict() for experiment in unsplit.results]

    def test_chunks_do_not_repeat_each_others_random_numbers(self) -> None:
        circuits = [superpositions(1)[0]] * 4

        data = chunked(create("aer", {}), circuits, 1, {"shots": 64, "seed_simulator": 5})

        assert len({str(each) for each in data}) > 1


def test_a_circuit_that_fails_leaves_the_others_in_their_places() -> None:
    wide = QuantumCircuit(60, name="wide")
    wide.h(range(60))
    wide.measure_all()
    circuits = [superpositions(1)[0], wide, superpositions(3)[2]]

    result = create("aer", {"method": "statevector"}).run(Payload(circuits, 0), {"shots": 10})

    assert not result.success
    assert [each.success for each in result.results] == [True, False, True]
    assert [each.header["name"] for each in result.results] == ["c1", "wide", "c2"]
    assert "memory" in str(result.results[1].status)


def test_a_circuit_that_aer_does_not_know_is_rejected() -> None:
    strange = QuantumCircuit(1)
    strange.append(Gate("strange", 1, []), [0])
    strange.measure_all()

    with pytest.raises(ProviderError, match="strange") as caught:
        create("aer", {}).run(Payload([strange], 0), {})

    assert caught.value.kind is FailureKind.REJECTED


def test_a_circuit_that_aer_stumbles_over_is_rejected_with_its_words() -> None:
    stumbling = QuantumCircuit(1)
    stumbling.append(Instruction("unitary", 1, 0, []), [0])

    with pytest.raises(
        ProviderError, match=r"refuses these circuits: IndexError: list index"
    ) as caught:
        create("aer", {}).run(Payload([stumbling], 0), {})

    assert caught.value.kind is FailureKind.REJECTED


@pytest.mark.parametrize("error", [AttributeError("no '_subtype'"), KeyError("x"), RuntimeError()])
def test_whatever_aer_raises_for_circuits_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = AerSimulator.run

    def refuse(self: AerSimulator, circuits: list[QuantumCircuit], **options: Any) -> Any:
        if circuits[0].name == "c1":
            raise error
        return run(self, circuits, **options)

    monkeypatch.setattr(AerSimulator, "run", refuse)

    with pytest.raises(ProviderError, match=f"{type(error).__name__}: ") as caught:
        create("aer", {}).run(Payload(superpositions(1), 0), {})

    assert caught.value.kind is FailureKind.REJECTED


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shots": "many"}, "shots"),
        ({"shots": -1}, "incompatible"),
        ({"method": "guess"}, "guess"),
        ({"precision": "triple"}, "triple"),
        ({"device": "abacus"}, "abacus"),
        ({"seed_simulator": 1 << 64}, "incompatible"),
        ({"noise_model": "loud"}, "noise_model must be a qiskit_aer.noise.NoiseModel, not a str"),
        ({"noise_model": b"loud"}, "noise_model cannot be read"),
        ({"executor": "me"}, "no run option executor"),
    ],
)
def test_a_bad_option_is_fatal_since_no_circuit_would_be_taken(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        create("aer", {}).run(Payload(superpositions(1), 0), options)

    assert caught.value.kind is FailureKind.FATAL


@pytest.mark.parametrize("method", ["unitary", "superop", "stabilizer", "extended_stabilizer"])
def test_a_refused_circuit_is_rejected_whatever_the_method(method: str) -> None:
    strange = QuantumCircuit(1)
    strange.append(Gate("strange", 1, []), [0])

    with pytest.raises(ProviderError, match="refuses these circuits") as caught:
        create("aer", {}).run(Payload([strange], 0), {"method": method})

    assert caught.value.kind is FailureKind.REJECTED


def test_a_worker_that_cannot_build_the_simulator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: AerSimulator, **_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(AerSimulator, "__init__", refuse)

    with pytest.raises(ProviderError, match="correct the worker's configuration") as caught:
        create("aer", {}).run(Payload(superpositions(1), 0), {})

    assert caught.value.kind is FailureKind.FATAL


def test_want_of_memory_during_the_probe_leaves_hope(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [RuntimeError("strange"), MemoryError()]

    def refuse(*_: object, **__: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(AerSimulator, "run", refuse)

    with pytest.raises(ProviderError) as caught:
        create("aer", {}).run(Payload(superpositions(1), 0), {})

    assert caught.value.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"colour": "red"}, r"\[backends.fast\]: no option 'colour'"),
        ({"seed_simulator": 1}, "run option"),
        ({"noise_model": "x"}, "noise_model"),
        ({"method": "guess"}, "method: 'guess'"),
        ({"device": "abacus"}, "device: 'abacus'"),
    ],
)
def test_wrong_options_are_told_at_the_start(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        create("fast", options)


def test_one_thread_unless_configured() -> None:
    def threads(options: dict[str, Any]) -> int:
        result = create("aer", options).run(Payload(superpositions(1), 0), {"shots": 1})
        return int(result.results[0].metadata["parallel_state_update"])

    assert threads({}) == 1
    assert threads({"max_parallel_threads": 2}) == 2


def test_want_of_memory_may_pass() -> None:
    provider = create("aer", {})

    assert provider.classify(MemoryError()) is FailureKind.TRANSIENT
    assert provider.classify(KeyError()) is FailureKind.FATAL
