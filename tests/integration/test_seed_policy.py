"""Split equals unsplit: the other side of each comparison is one run of Aer itself.

The simulation methods alone are in ``test_aer_provider``, the ``save_*`` instructions in
``test_aer_instructions``.
"""

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from jobset_client.validation import seed_policy
from jobset_protocol.errors import InvalidOptionsError
from jobset_protocol.messages import AS_IF_UNSPLIT, SAME_FOR_ALL
from tests.contracts.provider_contract import chunked, superpositions
from tests.integration.as_a_set import as_a_set, unsplit
from worker.providers.backend_v2 import create as create_backend
from worker.providers.base import LocalProvider, Payload
from worker.providers.fake import create as create_fake

CHUNK_SIZES = [1, 3, 7, 11]
OPTIONS: dict[str, Any] = {"shots": 60, "memory": True, "seed_simulator": 99}


def clifford(count: int) -> list[QuantumCircuit]:
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(4, 4, name=f"clifford-{index}")
        circuit.h(range(4))
        circuit.cx(index % 3, 3)
        circuit.measure(0, 0)
        circuit.h(0)
        circuit.measure(range(4), range(4))
        circuits.append(circuit)
    return circuits


def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    return model


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize(
    ("circuits", "more"),
    [
        (superpositions(11), {}),
        (superpositions(11), {"noise_model": noise()}),
        (superpositions(11), {"noise_model": noise(), "method": "density_matrix"}),
        (superpositions(11), {"noise_model": noise(), "method": "matrix_product_state"}),
        (superpositions(11), {"matrix_product_state_max_bond_dimension": 2}),
        (clifford(11), {"method": "matrix_product_state"}),
        (clifford(11), {"method": "stabilizer"}),
        (clifford(11), {"method": "stabilizer", "noise_model": noise()}),
        (clifford(11), {"method": "extended_stabilizer"}),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else None,
)
def test_counts_and_every_shot_equal_the_unsplit_runs(
    circuits: list[QuantumCircuit], more: dict[str, Any], chunk_size: int
) -> None:
    options = {**OPTIONS, **more}

    data = as_a_set(circuits, chunk_size, options)

    assert data == unsplit(circuits, options)
    assert all(len(each["memory"]) == OPTIONS["shots"] for each in data)


def test_saved_states_under_noise_equal_the_unsplit_runs() -> None:
    circuits = clifford(5)
    for circuit in circuits:
        circuit.save_statevector(pershot=True)
    options = {**OPTIONS, "shots": 10, "noise_model": noise(), "method": "statevector"}

    ours, theirs = as_a_set(circuits, 2, options), unsplit(circuits, options)

    for one, other in zip(ours, theirs, strict=True):
        assert one["memory"] == other["memory"]
        np.testing.assert_array_equal(
            [np.asarray(state) for state in one["statevector"]],
            [np.asarray(state) for state in other["statevector"]],
        )


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**63 - 1])
def test_no_seed_is_too_large_to_be_moved(seed: int) -> None:
    circuits, options = superpositions(5), {**OPTIONS, "seed_simulator": seed}

    assert as_a_set(circuits, 2, options) == unsplit(circuits, options)


def test_the_originals_policy_gives_every_chunk_the_seed_as_it_is() -> None:
    circuits = superpositions(7)

    data = as_a_set(circuits, 3, OPTIONS, seed_policy=SAME_FOR_ALL)

    assert data == [
        each for start in (0, 3, 6) for each in unsplit(circuits[start : start + 3], OPTIONS)
    ]
    assert data != unsplit(circuits, OPTIONS)


@pytest.mark.parametrize(
    "provider",
    [
        create_fake("fake", {}),
        create_backend("basic", {"backend": "qiskit.providers.basic_provider:BasicSimulator"}),
        create_backend(
            "generic",
            {
                "backend": "qiskit.providers.fake_provider:GenericBackendV2",
                "arguments": {"num_qubits": 3, "seed": 1},
            },
        ),
    ],
    ids=["fake", "basic", "generic"],
)
def test_every_local_adapter_knows_both_policies(provider: LocalProvider) -> None:
    circuits = [superpositions(1)[0]] * 6

    same = as_a_set(circuits, 2, OPTIONS, provider=provider, seed_policy=SAME_FOR_ALL)
    moved = as_a_set(circuits, 2, OPTIONS, provider=provider)

    assert same[:2] == same[2:4] == same[4:]
    assert moved[:2] != moved[2:4]
    assert moved == chunked(provider, circuits, 6, OPTIONS)


def test_a_noise_model_reaches_other_backends_on_aer() -> None:
    provider = create_backend("mine", {"backend": "qiskit_aer:AerSimulator"})
    assert isinstance(provider, LocalProvider)
    options = {**OPTIONS, "noise_model": noise()}

    data = as_a_set(superpositions(5), 2, options, provider=provider)

    assert data == unsplit(superpositions(5), options)


def test_backends_without_seeds_as_if_unsplit_say_so() -> None:
    basic = create_backend("b", {"backend": "qiskit.providers.basic_provider:BasicSimulator"})
    aer = create_backend("b", {"backend": "qiskit_aer:AerSimulator"})

    assert "not as if unsplit" in basic.capabilities.description
    assert "seed" not in aer.capabilities.description


def test_a_chunk_without_a_seed_is_not_given_one() -> None:
    provider = create_fake("fake", {})
    assert isinstance(provider, LocalProvider)

    result = provider.run(Payload(superpositions(1), 5, SAME_FOR_ALL), {})

    assert result.get_counts(0) == {"000": 1024}


@pytest.mark.parametrize("policy", [AS_IF_UNSPLIT, SAME_FOR_ALL])
def test_both_policies_are_taken(policy: str) -> None:
    assert seed_policy(policy) == policy


@pytest.mark.parametrize("policy", ["", "random", None, 3, [AS_IF_UNSPLIT]])
def test_other_policies_are_refused_with_the_choices(policy: object) -> None:
    with pytest.raises(InvalidOptionsError, match=r"'as_if_unsplit' or 'same_for_all', not"):
        seed_policy(policy)
