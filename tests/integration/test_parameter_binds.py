"""What ``parameter_binds`` expands to is what one run of Aer makes of it, seeds included."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator

from jobset_client.parameter_binds import expand
from jobset_protocol.errors import InvalidOptionsError
from tests.integration.as_a_set import as_a_set
from tests.integration.test_noise_models import generic

A, B, UNUSED = Parameter("a"), Parameter("b"), Parameter("unused")
OPTIONS: dict[str, Any] = {"shots": 80, "memory": True, "seed_simulator": 21}
Binds = Sequence[Mapping[Parameter, Any]]


def turning(name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name=name, metadata={"of": name})
    circuit.ry(A, 0)
    circuit.cx(0, 1)
    circuit.rx(2 * A + B, 1)
    circuit.global_phase = A / 3
    circuit.measure([0, 1], [0, 1])
    return circuit


def plain(name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


CIRCUITS = [turning("first"), plain("plain"), turning("second")]
BINDS: Binds = [
    {A: [0.1, 1.0, 2.2], B: np.linspace(0.0, 1.0, 3)},
    {},
    {A: (np.float64(0.7), 1), B: [0.2, 0.3], UNUSED: [5.0]},
]


@pytest.mark.parametrize("chunk_size", [1, 2, 4, 6])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"method": "matrix_product_state"},
        {"method": "density_matrix"},
        {"noise_model": generic(5)},
    ],
    ids=["automatic", "mps", "density matrix", "noise"],
)
def test_the_sets_shots_are_those_of_one_run_of_aer(more: dict[str, Any], chunk_size: int) -> None:
    options = {**OPTIONS, **more}
    whole = AerSimulator().run(CIRCUITS, parameter_binds=list(BINDS), **options).result()

    data = as_a_set(expand(CIRCUITS, BINDS), chunk_size, options)

    assert data == [each.data.to_dict() for each in whole.results]
    assert len({str(each) for each in data}) == 6


def test_names_and_metadata_are_those_of_aers_result() -> None:
    whole = AerSimulator().run(CIRCUITS, parameter_binds=list(BINDS), shots=1).result()

    bound = expand(CIRCUITS, BINDS)

    assert [circuit.name for circuit in bound] == [each.header["name"] for each in whole.results]
    assert [circuit.metadata for circuit in bound] == [
        each.header["metadata"] for each in whole.results
    ]
    assert [circuit.name for circuit in CIRCUITS] == ["first", "plain", "second"]
    assert CIRCUITS[0].num_parameters == 2


@pytest.mark.parametrize("nothing", [None, []])
def test_without_binds_the_circuits_are_left(nothing: object) -> None:
    assert expand(CIRCUITS, nothing) == CIRCUITS


@pytest.mark.parametrize(
    ("binds", "told"),
    [
        ({A: [1.0]}, "must be a list with one mapping a circuit, not a dict"),
        ("abc", "not a str"),
        (7, "not a int"),
        ([{}], "1 mappings for 3 circuits"),
        ([{A: [1], B: [1]}, {}, [1]], r"parameter_binds\[2\] \('second'\) must be a mapping"),
        ([{A: [1]}, {}, {}], r"parameter_binds\[0\] \('first'\) has no values for 1 param.*: b"),
        ([{A: [1], B: [1, 2]}, {}, {}], r"different lengths: \[1, 2\]"),
        ([{A: 1, B: [1]}, {}, {}], "values of a must be a list of real numbers"),
        ([{A: ["x"], B: [1]}, {}, {}], "values of a must be a list of real numbers"),
        ([{A: [1j], B: [1]}, {}, {}], "values of a must be a list of real numbers"),
        ([{A: [], B: []}, {}, {}], "there are no values for a"),
    ],
)
def test_what_does_not_fit_the_circuits_is_named(binds: object, told: str) -> None:
    with pytest.raises(InvalidOptionsError, match=told):
        expand(CIRCUITS, binds)


def test_values_that_a_formula_cannot_take_are_named() -> None:
    circuit = QuantumCircuit(1, name="inverse")
    circuit.rx(1 / A, 0)

    with pytest.raises(InvalidOptionsError, match=r"\('inverse'\) cannot be bound to \[0.0\]"):
        expand([circuit], [{A: [0.0]}])
