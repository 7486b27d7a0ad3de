"""Aer's own instructions, from a client's circuits to a worker's results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Instruction
from qiskit.quantum_info import Clifford, Operator, SparsePauliOp, Statevector
from qiskit_aer import AerSimulator, library

from jobset_protocol.codecs.directives import SAVE_NAMES, SET_NAMES, carried
from jobset_protocol.codecs.qpy import decode_circuits, encode_circuits, reader_qpy_version
from jobset_protocol.codecs.result import decode_result, encode_result
from jobset_protocol.errors import FailureKind, InvalidExperimentsError, ProviderError
from worker.providers.aer import create
from worker.providers.aer_instructions import CLASSES, with_aer_instructions
from worker.providers.base import Payload

OPTIONS: dict[str, Any] = {"shots": 30, "memory": True, "seed_simulator": 99}
HERMITIAN = SparsePauliOp(["XY", "ZZ", "IZ"], [0.5, -1.25, 2.0])


# Name -> (method, arguments of the circuit method, what else it takes).
AVERAGED = ("unnormalized", "pershot", "conditional")
SINGLE = ("pershot", "conditional")
SAVES: dict[str, tuple[str, str, list[Any], tuple[str, ...]]] = {
    "save_amplitudes": ("statevector", "save_amplitudes", [[0, 3]], SINGLE),
    "save_amplitudes_sq": ("statevector", "save_amplitudes_squared", [["00", "11"]], AVERAGED),
    "save_clifford": ("stabilizer", "save_clifford", [], ("pershot",)),
    "save_density_matrix": ("density_matrix", "save_density_matrix", [[1]], AVERAGED),
    "save_expval": ("statevector", "save_expectation_value", [HERMITIAN, [1, 0]], AVERAGED),
    "save_expval_var": (
        "density_matrix",
        "save_expectation_value_variance",
        [HERMITIAN, [0, 1]],
        AVERAGED,
    ),
    "save_matrix_product_state": (
        "matrix_product_state",
        "save_matrix_product_state",
        [],
        SINGLE,
    ),
    "save_probabilities": ("statevector", "save_probabilities", [[1]], AVERAGED),
    "save_probabilities_dict": ("statevector", "save_probabilities_dict", [[1, 0]], AVERAGED),
    "save_stabilizer": ("stabilizer", "save_stabilizer", [], SINGLE),
    "save_state": ("automatic", "save_state", [], SINGLE),
    "save_statevector": ("statevector", "save_statevector", [], SINGLE),
    "save_statevector_dict": ("statevector", "save_statevector_dict", [], SINGLE),
    "save_superop": ("superop", "save_superop", [], ("pershot",)),
    "save_unitary": ("unitary", "save_unitary", [], ("pershot",)),
}


def cases() -> list[Any]:
    return [
        pytest.param(name, chosen, id=f"{name}-{'-'.join(chosen) or 'default'}")
        for name, (*_, flags) in SAVES.items()
        for chosen in [{}, *({flag: True} for flag in flags), dict.fromkeys(flags, True)]
    ]


def saving(name: str, index: int, chosen: dict[str, bool]) -> QuantumCircuit:
    """A circuit with a measurement in its middle, so that shots differ."""
    method, add, arguments, _ = SAVES[name]
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(2, "c"), name=f"{name}-{index}"
    )
    circuit.h(0)
    if method != "stabilizer":
        circuit.ry(0.1 + 0.2 * index, 1)
    circuit.cx(0, 1)
    if method not in ("unitary", "superop"):
        circuit.measure(0, 0)
        circuit.h(0)
    getattr(circuit, add)(*arguments, **chosen)
    if method not in ("unitary", "superop"):
        circuit.h(1)
        getattr(circuit, add)(*arguments, label="mine é", **chosen)
        circuit.measure(1, 1)
    return circuit


def through_jobset(
    circuits: list[QuantumCircuit], *, method: str = "automatic", chunk_size: int = 2
) -> list[dict[str, Any]]:
    """Run in chunks, with all that is encoded and decoded on the way."""
    provider = create("aer", {"method": method})
    data = []
    for start in range(0, len(circuits), chunk_size):
        blob = encode_circuits(
            circuits[start : start + chunk_size], qpy_version=reader_qpy_version()
        )
        result = provider.run(Payload(decode_circuits(blob), start), OPTIONS)
        data += [each.data.to_dict() for each in decode_result(encode_result(result)).results]
    return data


def directly(circuits: list[QuantumCircuit], *, method: str = "automatic") -> list[dict[str, Any]]:
    result = AerSimulator(method=method, max_parallel_threads=1).run(circuits, **OPTIONS).result()
    assert result.success, result.status
    return [each.data.to_dict() for each in result.results]


def assert_same(ours: Any, theirs: Any) -> None:
    """Compare nested data; Aer's subclasses of dicts and of qiskit's objects become these."""
    assert isinstance(theirs, type(ours))
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert ours == theirs


def test_every_save_instruction_of_aer_is_known() -> None:
    theirs = AerSimulator().configuration().custom_instructions
    assert {name for name in theirs if name.startswith("save_")} == SAVE_NAMES
    assert set(CLASSES) == SAVE_NAMES | SET_NAMES
    assert set(CLASSES.values()) >= {
        getattr(library, name) for name in library.__all__ if name.startswith("Save")
    }
    assert set(SAVES) == SAVE_NAMES


@pytest.mark.parametrize(("name", "chosen"), cases())
def test_split_equals_unsplit(name: str, chosen: dict[str, bool]) -> None:
    method = SAVES[name][0]
    circuits = [saving(name, index, chosen) for index in range(3)]

    assert_same(through_jobset(circuits, method=method), directly(circuits, method=method))


@pytest.mark.parametrize("version", [13, 15, reader_qpy_version()])
@pytest.mark.parametrize("name", SAVES)
def test_the_instruction_comes_back_whole(name: str, version: int) -> None:
    chosen = dict.fromkeys(SAVES[name][3], True)
    circuit = saving(name, 1, chosen)

    [decoded] = decode_circuits(encode_circuits([circuit], qpy_version=version))
    rebuilt = with_aer_instructions(decoded)

    def saves(of: QuantumCircuit) -> list[Any]:
        return [each.operation for each in of.data if each.name == name]

    assert [type(each) for each in saves(rebuilt)] == [type(each) for each in saves(circuit)]
    for ours, theirs in zip(saves(rebuilt), saves(circuit), strict=True):
        assert (ours.label, ours._subtype) == (theirs.label, theirs._subtype)
        assert_same(list(ours.params), list(theirs.params))


def settings() -> dict[str, tuple[str, Callable[[QuantumCircuit], object]]]:
    prepared = QuantumCircuit(2)
    prepared.h(0)
    prepared.cx(0, 1)
    state = Statevector(prepared)
    source = prepared.copy()
    source.save_matrix_product_state(label="mps")
    simulator = AerSimulator(method="matrix_product_state")
    mps = simulator.run(source, shots=1).result().data()["mps"]
    unitary = Operator(prepared)
    return {
        "statevector": ("statevector", lambda c: c.set_statevector(state)),
        "density_matrix": ("density_matrix", lambda c: c.set_density_matrix(state)),
        "stabilizer": ("stabilizer", lambda c: c.set_stabilizer(Clifford(prepared))),
        "unitary": ("unitary", lambda c: c.set_unitary(unitary)),
        "superop": ("superop", lambda c: c.set_superop(unitary)),
        "mps": ("matrix_product_state", lambda c: c.set_matrix_product_state(mps)),
    }


@pytest.mark.parametrize(
    "kind", ["statevector", "density_matrix", "stabilizer", "unitary", "superop", "mps"]
)
def test_a_state_that_is_set(kind: str) -> None:
    method, set_state = settings()[kind]
    circuits = []
    for index in range(3):
        circuit = QuantumCircuit(2, 2)
        set_state(circuit)
        if index:
            circuit.x(0)
        circuit.save_state()
        if method not in ("unitary", "superop"):
            circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)

    assert_same(through_jobset(circuits, method=method), directly(circuits, method=method))


def branching(index: int) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name=f"branching-{index}", metadata={"index": index})
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.ry(0.3 + index, 1)
        with circuit.for_loop(range(1)):
            circuit.save_probabilities([1], label="then", pershot=True)
    with otherwise:
        circuit.save_statevector(label="else", pershot=True)
    circuit.measure(1, 1)
    return circuit


def test_in_the_bodies_of_control_flow() -> None:
    circuits = [branching(index) for index in range(3)]

    ours = through_jobset(circuits)

    assert_same(ours, directly(circuits))
    assert len(ours[0]["then"]) > 1
    assert len(ours[0]["else"]) > 1


def test_the_users_circuits_are_not_changed() -> None:
    circuit = branching(0)
    before = circuit.copy()

    blob = encode_circuits([circuit], qpy_version=reader_qpy_version())

    assert circuit == before
    [decoded] = decode_circuits(blob)
    assert (decoded.name, decoded.metadata) == (circuit.name, circuit.metadata)


def test_ordinary_circuits_are_not_copied() -> None:
    plain = QuantumCircuit(1, 1)
    plain.measure(0, 0)
    with plain.if_test((plain.clbits[0], 1)):
        plain.x(0)

    assert carried(plain) is plain
    assert with_aer_instructions(plain) is plain


def test_instructions_that_never_travelled_are_left() -> None:
    circuit = saving("save_statevector", 0, {})

    assert with_aer_instructions(circuit) is circuit


def test_one_that_lost_its_kind_of_data_before_is_rejected() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Instruction("save_statevector", 1, 0, []), [0])

    with pytest.raises(ProviderError, match=r"plain save_statevector.*QPY file") as caught:
        through_jobset([circuit])

    assert caught.value.kind is FailureKind.REJECTED


def test_a_parameter_that_cannot_be_stored_names_the_circuit() -> None:
    circuit = QuantumCircuit(1, name="odd")
    circuit.save_amplitudes([0])
    circuit.data[0].operation._params = [object()]

    with pytest.raises(InvalidExperimentsError, match=r"circuit 5 \('odd'\)"):
        encode_circuits([circuit], qpy_version=reader_qpy_version(), first_index=5)
