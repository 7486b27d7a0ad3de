"""A noise model that travelled gives Aer the same numbers as the original."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Delay
from qiskit.circuit.library import UnitaryGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import (
    LocalNoisePass,
    NoiseModel,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)

from jobset_client import validation
from jobset_protocol.codecs import frame
from jobset_protocol.codecs.document import encode_document, pack_document
from jobset_protocol.codecs.noise_model import (
    decode_noise_model,
    encode_noise_model,
    is_noise_model,
)
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.errors import CodecError, InvalidOptionsError, PayloadTooLargeError
from tests.contracts.provider_contract import superpositions
from tests.integration.as_a_set import as_a_set, unsplit
from tests.unit.client.support import backend
from worker.providers.aer_noise import noise_model_of

OPTIONS: dict[str, Any] = {"shots": 200, "memory": True, "seed_simulator": 5}


def depolarizing() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["h", "ry"])
    model.add_quantum_error(depolarizing_error(0.3, 1), "h", [1])
    return model


def relaxing() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50e-6, 70e-6, 20e-6), ["h"])
    # T2 above T1 cannot be a mixture of unitaries: it is stored as Kraus operators.
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50e-6, 90e-6, 20e-6, 0.1), ["ry"])
    return model


def readout() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.25, 0.75]]))
    model.add_readout_error(ReadoutError([[0.5, 0.5], [0.4, 0.6]]), [2])
    return model


def mixed() -> NoiseModel:
    """Everything else that errors are made of, some of it as wide as two qubits in name only."""
    model = NoiseModel(basis_gates=["h", "ry", "cx", "mine"])
    idle, flip = QuantumCircuit(2), QuantumCircuit(2)
    flip.x(0)
    model.add_all_qubit_quantum_error(QuantumError([(idle, 0.7), (flip, 0.3)]), ["cx"])
    model.add_all_qubit_quantum_error(
        pauli_error([("X", 0.1), ("Z", 0.2), ("I", 0.7)]).compose(amplitude_damping_error(0.2)),
        ["h"],
    )
    rotation = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    model.add_quantum_error(coherent_unitary_error(rotation), "ry", [2])
    model.add_all_qubit_quantum_error(reset_error(0.1, 0.05), ["measure", "mine"])
    return model


def generic(qubits: int) -> NoiseModel:
    return NoiseModel.from_backend(GenericBackendV2(qubits, seed=3))


MODELS = {
    "depolarizing": depolarizing,
    "relaxing": relaxing,
    "readout": readout,
    "mixed": mixed,
    "ideal": NoiseModel,
    "five qubits": lambda: generic(5),
    "seven qubits": lambda: generic(7),
}


def circuits_for(model: NoiseModel) -> list[QuantumCircuit]:
    circuits = superpositions(5)
    for circuit in circuits:
        circuit.cx(0, 1)
        circuit.append(UnitaryGate([[1, 0], [0, 1]], label="mine"), [2])
        circuit.measure(range(3), range(3))
    if "rz" not in model.basis_gates:
        return circuits
    ready: list[QuantumCircuit] = transpile(
        superpositions(5), basis_gates=model.basis_gates, optimization_level=0
    )
    return ready


def numbers(model: NoiseModel) -> dict[str, Any]:
    """What the simulator is given, without the random ids of errors."""
    document: dict[str, Any] = model.to_dict(serializable=True)
    for error in document["errors"]:
        error.pop("id", None)
    return document


@pytest.mark.parametrize("name", MODELS)
def test_what_aer_reads_of_it_is_the_same(name: str) -> None:
    model = MODELS[name]()

    travelled = noise_model_of(encode_noise_model(model))

    assert numbers(travelled) == numbers(model)
    assert travelled.basis_gates == model.basis_gates
    assert travelled.noise_instructions == model.noise_instructions
    assert travelled.noise_qubits == model.noise_qubits
    assert encode_noise_model(travelled) == encode_noise_model(model)


@pytest.mark.parametrize("name", MODELS)
def test_counts_are_those_of_the_unsplit_run_with_the_original(name: str) -> None:
    model = MODELS[name]()
    circuits, options = circuits_for(model), {**OPTIONS, "noise_model": model}

    data = as_a_set(circuits, 2, options)

    assert data == unsplit(circuits, options)
    assert (data == unsplit(circuits, OPTIONS)) is (name == "ideal")


def test_delays_relax_as_with_the_original() -> None:
    model = generic(5)
    circuits = []
    for index in range(5):
        circuit = QuantumCircuit(2, 2, name=f"idle-{index}")
        circuit.x([0, 1])
        circuit.append(Delay(100 + 50 * index, "us"), [0])
        circuit.append(Delay(400_000 * index, "dt"), [1])
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    options = {**OPTIONS, "noise_model": model}

    data = as_a_set(circuits, 2, options)

    assert data == unsplit(circuits, options)
    model._custom_noise_passes.clear()
    assert data != unsplit(circuits, options)


def test_the_chunks_of_a_set_share_one_model() -> None:
    blob = encode_noise_model(depolarizing())

    assert noise_model_of(blob) is noise_model_of(bytes(blob))


@pytest.mark.parametrize(
    "noise_pass",
    [
        LocalNoisePass(lambda op, qubits: XGate(), op_types=Delay),
        RelaxationNoisePass([1.0], [1.0], dt=1e-9),
    ],
)
def test_a_pass_of_ones_own_is_refused(noise_pass: Any) -> None:
    model = NoiseModel()
    model._custom_noise_passes.append(noise_pass)

    with pytest.raises(InvalidOptionsError, match=r"'noise_model' cannot travel.*code, not data"):
        validation.run_options({"noise_model": model}, backend())


def test_a_model_that_is_too_large_is_refused() -> None:
    model = NoiseModel()
    rows = np.random.default_rng(1).dirichlet(np.ones(1024), size=1024)
    model.add_readout_error(ReadoutError(rows), list(range(10)))

    with pytest.raises(InvalidOptionsError, match=r"'noise_model', and the limit is 4,194,304"):
        validation.run_options({"noise_model": model}, backend())


def test_a_reader_is_bounded() -> None:
    blob = encode_noise_model(generic(5))

    with pytest.raises(PayloadTooLargeError):
        decode_noise_model(blob, max_bytes=1000)


@pytest.mark.parametrize("width", [0, -1, 101, 10**9, "x", None])
def test_a_few_bytes_name_no_wide_error(width: object) -> None:
    described = [[], [], [], [["x", None, width, [[1.0, []]]]], [], []]
    blob = frame.pack(CodecId.NOISE_MODEL, 1, pack_document(described))
    with pytest.raises(CodecError, match="damaged"):
        decode_noise_model(blob)


def test_an_error_that_no_reader_takes_is_not_written() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X" * 101, 1.0)]), "barrier", warnings=False)
    with pytest.raises(CodecError, match="101 qubits"):
        encode_noise_model(model)


@pytest.mark.parametrize("blob", [b"", b"JS", encode_document([1, 2]), encode_document({})])
def test_other_bytes_are_no_noise_model(blob: bytes) -> None:
    with pytest.raises(CodecError):
        decode_noise_model(blob)


def test_only_aers_class_is_taken_for_one() -> None:
    class NoiseModel:
        """Somebody else's."""

    class Mine(type(depolarizing())):  # type: ignore[misc]
        """A subclass of Aer's."""

    assert not is_noise_model(NoiseModel())
    assert not is_noise_model("NoiseModel")
    assert is_noise_model(Mine())


def test_a_client_needs_no_aer() -> None:
    code = (
        "import sys; sys.modules['qiskit_aer'] = None\n"
        "import jobset_client.validation, jobset_client.parameter_binds\n"
        "assert not any(name.startswith('qiskit_aer.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
