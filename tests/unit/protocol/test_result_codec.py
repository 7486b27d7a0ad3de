"""Results: a stored one answers as the original."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.quantum_info import Operator, Statevector
from qiskit.result import Counts, Result
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel, MeasReturnType
from qiskit_aer import AerSimulator

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.document import encode_document, pack_document
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.codecs.result import decode_result, encode_result
from jobset_protocol.errors import CodecError, PayloadTooLargeError


def round_trip(result: Result) -> Result:
    return decode_result(encode_result(result))


def bell(*, measured: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(2, "q"), name="bell", metadata={"tag": [1, "x"]})
    circuit.h(0)
    circuit.cx(0, 1)
    if measured:
        circuit.add_register(ClassicalRegister(1, "a"), ClassicalRegister(1, "b"))
        circuit.measure([0, 1], [0, 1])
    return circuit


def aer_result(save: str, method: str = "automatic", **options: Any) -> Result:
    circuit = bell(measured=False)
    getattr(circuit, save)(**options)
    result = AerSimulator(method=method).run(circuit, shots=3).result()
    assert result.success
    return result


def result_of(*experiments: ExperimentResult, **fields: Any) -> Result:
    return Result(results=list(experiments), **{"success": True, "job_id": "job", **fields})


def experiment(*, header: Any = None, **data: Any) -> ExperimentResult:
    return ExperimentResult(10, True, ExperimentResultData(**data), header=header)


@pytest.mark.parametrize("memory", [False, True])
def test_aer_counts_and_memory_come_back(memory: bool) -> None:
    circuits = [bell(), bell()]
    circuits[1].name = "other"
    result = AerSimulator().run(circuits, shots=500, seed_simulator=7, memory=memory).result()
    decoded = round_trip(result)
    assert decoded.to_dict() == result.to_dict()
    assert decoded.get_counts() == result.get_counts()
    assert isinstance(decoded.get_counts("other"), Counts)
    assert decoded.get_counts("bell") == result.get_counts(0)
    if memory:
        assert decoded.get_memory(1) == result.get_memory(1)
        assert " " in decoded.get_memory(1)[0]  # the header's registers split the bits


def test_a_basic_simulator_result_comes_back() -> None:
    backend = BasicSimulator()
    result = backend.run(transpile(bell(), backend), shots=50, memory=True).result()
    decoded = round_trip(result)
    assert decoded.get_counts() == result.get_counts()
    assert decoded.get_memory() == result.get_memory()
    assert decoded.to_dict() == result.to_dict()


def test_an_aer_statevector_comes_back() -> None:
    result = aer_result("save_statevector")
    decoded = round_trip(result)
    assert decoded.get_statevector() == result.get_statevector()
    assert decoded.get_statevector(decimals=3) == result.get_statevector(decimals=3)
    np.testing.assert_array_equal(decoded.data()["statevector"], result.data()["statevector"])
    assert decoded.get_counts() == result.get_counts()


def test_an_aer_unitary_comes_back() -> None:
    result = aer_result("save_unitary")
    decoded = round_trip(result)
    assert decoded.get_unitary() == result.get_unitary()
    assert decoded.get_unitary(decimals=2) == result.get_unitary(decimals=2)
    assert decoded.get_unitary().input_dims() == (2, 2)


@pytest.mark.parametrize(
    ("save", "method", "key"),
    [
        ("save_density_matrix", "density_matrix", "density_matrix"),
        ("save_superop", "superop", "superop"),
        ("save_stabilizer", "stabilizer", "stabilizer"),
        ("save_clifford", "stabilizer", "clifford"),
        ("save_statevector_dict", "statevector", "statevector"),
        ("save_probabilities_dict", "statevector", "probabilities"),
    ],
)
def test_what_else_aer_saves_comes_back_equal(save: str, method: str, key: str) -> None:
    result = aer_result(save, method)
    assert round_trip(result).data()[key] == result.data()[key]


def test_aer_arrays_and_matrix_product_states_come_back() -> None:
    probabilities = aer_result("save_probabilities")
    np.testing.assert_array_equal(
        round_trip(probabilities).data()["probabilities"], probabilities.data()["probabilities"]
    )
    state = aer_result("save_matrix_product_state", "matrix_product_state")
    tensors, vectors = state.data()["matrix_product_state"]
    decoded = round_trip(state).data()["matrix_product_state"]
    assert isinstance(decoded, tuple)
    assert len(decoded[0]) == len(tensors) == 2
    for ours, theirs in zip(decoded[0], tensors, strict=True):
        assert isinstance(ours, tuple)
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(decoded[1], vectors)


def test_a_statevector_for_each_shot_comes_back() -> None:
    circuit = bell(measured=False)
    circuit.save_statevector(pershot=True)
    circuit.measure_all()
    result = AerSimulator().run(circuit, shots=3).result()
    states = round_trip(result).data()["statevector"]
    assert states == result.data()["statevector"]
    assert all(isinstance(state, Statevector) for state in states)


def test_plain_arrays_stay_arrays() -> None:
    result = result_of(
        experiment(statevector=np.array([0.6, 0.8j]), unitary=np.eye(2, dtype=complex))
    )
    decoded = round_trip(result)
    np.testing.assert_array_equal(decoded.get_statevector(), [0.6, 0.8j])
    np.testing.assert_array_equal(decoded.get_unitary(), np.eye(2))
    assert isinstance(decoded.get_statevector(), np.ndarray)


def test_an_operator_saved_under_any_label_comes_back() -> None:
    operator = Operator(np.array([[0, 1], [1, 0]]))
    assert round_trip(result_of(experiment(mine={"x": [operator]}))).data()["mine"] == {
        "x": [operator]
    }


def test_a_failed_experiment_keeps_its_reason_beside_a_good_one() -> None:
    failed = ExperimentResult(0, False, ExperimentResultData(), status="ERROR: no memory", seed=3)
    result = result_of(experiment(counts={"0x0": 10}), failed, success=False, status="PARTIAL")
    decoded = round_trip(result)
    assert not decoded.success
    assert decoded.status == "PARTIAL"
    assert decoded.get_counts(0) == {"0": 10}
    assert not decoded.results[1].success
    assert decoded.results[1].status == "ERROR: no memory"
    assert decoded.results[1].seed == 3
    with pytest.raises(QiskitError, match="no memory"):
        decoded.get_counts(1)


def test_a_simulation_that_aer_refused_comes_back_as_a_failure() -> None:
    circuit = QuantumCircuit(30)
    circuit.h(range(30))
    circuit.save_statevector()
    simulator = AerSimulator(method="statevector", max_memory_mb=10)
    result = simulator.run(circuit).result()
    decoded = round_trip(result)
    assert not decoded.success
    assert decoded.to_dict() == result.to_dict()
    assert "Insufficient memory" in decoded.results[0].status


def test_status_enum_date_and_extra_fields_come_back() -> None:
    date = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    header = {"backend": {"qubits": np.int64(5)}}
    result = result_of(
        experiment(counts={"0x1": 1}),
        status=JobStatus.DONE,
        date=date,
        header=header,
        task={"arn": "x"},
    )
    decoded = round_trip(result)
    assert decoded.status is JobStatus.DONE
    assert decoded.date == date
    assert decoded.header == {"backend": {"qubits": 5}}
    assert decoded.task == {"arn": "x"}
    assert decoded.job_id == "job"


def test_numpy_and_complex_values_in_headers_and_metadata_come_back() -> None:
    header = {
        "name": np.str_("c"),
        "creg_sizes": [["c", np.int64(2)]],
        "memory_slots": np.int32(2),
        "phase": 1j,
        "angles": np.linspace(0, 1, 3),
        "metadata": {"pair": (1, 2), "when": datetime(2026, 1, 1, tzinfo=UTC), "big": 2**100},
    }
    stored = ExperimentResult(
        (1, 10),
        np.bool_(True),
        ExperimentResultData(counts={"0x3": np.int64(4)}, fidelity=np.float64(0.5)),
        header=header,
        time_taken=np.float32(0.25),
    )
    decoded = round_trip(result_of(stored))
    assert decoded.get_counts("c") == {"11": 4}
    assert decoded.results[0].shots == (1, 10)
    assert decoded.results[0].success is True
    assert decoded.results[0].time_taken == 0.25
    assert decoded.data()["fidelity"] == 0.5
    assert decoded.results[0].header["metadata"] == header["metadata"]
    assert decoded.results[0].header["phase"] == 1j
    np.testing.assert_array_equal(decoded.results[0].header["angles"], header["angles"])


@pytest.mark.parametrize("as_array", [False, True])
def test_level_1_memory_comes_back(as_array: bool) -> None:
    points = [[[0.5, 1.0], [0.25, -1.0]]]
    stored = ExperimentResult(
        1,
        True,
        ExperimentResultData(memory=np.array(points) if as_array else points),
        meas_level=MeasLevel.KERNELED,
        meas_return=MeasReturnType.SINGLE,
    )
    result = result_of(stored)
    decoded = round_trip(result)
    np.testing.assert_array_equal(decoded.get_memory(), result.get_memory())
    assert decoded.results[0].meas_return == MeasReturnType.SINGLE


def test_wide_memory_comes_back() -> None:
    memory = [hex((1 << 126) + 3**index) for index in range(70)] * 5
    memory += [hex(index) for index in range(300)]
    decoded = round_trip(result_of(experiment(memory=memory)))
    assert decoded.data()["memory"] == memory


def test_encoding_leaves_the_result_as_it_was() -> None:
    result = result_of(experiment(memory=["0x0", "0x1"], counts={"0x0": 1, "0x1": 1}))
    encode_result(result)
    assert result.data()["memory"] == ["0x0", "0x1"]


def test_what_cannot_be_stored_is_named_with_its_place() -> None:
    result = result_of(experiment(counts={}), experiment(header={"noise": object()}))
    with pytest.raises(CodecError, match=r"\['results'\]\[1\]\['header'\]\['noise'\]"):
        encode_result(result)


@pytest.mark.parametrize("wrong", [None, {"results": []}, Result(success=True)])
def test_what_is_no_complete_result_is_refused(wrong: Any) -> None:
    with pytest.raises(CodecError, match="not a complete result"):
        encode_result(wrong)


@pytest.mark.parametrize(
    "document",
    [
        7,
        [],
        {},
        {"results": 3},
        {"results": [{}]},
        {"results": [{"shots": 1, "success": True, "data": 3}]},
        {"results": [{"shots": 1, "success": True, "data": {3: 4}}]},
        {"results": [{"shots": 1, "success": True, "data": {}, "meas_return": "never"}]},
        {"results": [], 5: 6},
    ],
)
def test_a_document_that_is_no_result_is_refused(document: Any) -> None:
    with pytest.raises(CodecError, match="stored result is damaged"):
        decode_result(frame.pack(CodecId.RESULT, 1, pack_document(document)))


def test_a_blob_of_another_kind_or_size_is_refused() -> None:
    with pytest.raises(CodecError, match="holds DOCUMENT, not RESULT"):
        decode_result(encode_document({}))
    blob = encode_result(result_of(experiment(statevector=np.zeros(1000))))
    with pytest.raises(PayloadTooLargeError):
        decode_result(blob, max_bytes=8000)
