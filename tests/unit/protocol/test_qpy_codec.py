"""Circuits: what travels, for which reader, and what is refused before qiskit reads it."""

import io
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Annotation, Parameter
from qiskit.circuit.random import random_circuit
from qiskit.qpy.common import QPY_VERSION

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.circuit_limits import CircuitLimits
from jobset_protocol.codecs.qpy import decode_circuits, encode_circuits, reader_qpy_version
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.errors import (
    CodecError,
    InvalidExperimentsError,
    PayloadTooLargeError,
    VersionMismatchError,
)

VERSIONS = range(13, reader_qpy_version() + 1)
NEWEST = reader_qpy_version()
FIRST_QUBITS_OFFSET = 20 + 8 + 5  # file header, table of one, name size, phase type and size
FIRST_CLBITS_OFFSET = FIRST_QUBITS_OFFSET + 4


def small_circuits(count: int = 3) -> list[QuantumCircuit]:
    return [random_circuit(3, 3, measure=True, seed=seed) for seed in range(count)]


def one_program(circuit: QuantumCircuit | None = None, version: int = NEWEST) -> bytearray:
    buffer = io.BytesIO()
    # A circuit without instructions is false, and a default name grows with the circuits made.
    program = QuantumCircuit(1, 1, name="c") if circuit is None else circuit
    qpy.dump(program, buffer, version=version)
    return bytearray(buffer.getvalue())


def blob_of(*programs: bytes | bytearray) -> bytes:
    data = b"".join(struct.pack("!Q", len(program)) + program for program in programs)
    return frame.pack(CodecId.CIRCUITS, 1, data)


def inner_bytes(blob: bytes) -> bytes:
    return frame.unpack(blob, CodecId.CIRCUITS, 1, max_bytes=1 << 24)


@pytest.mark.parametrize("version", VERSIONS)
def test_circuits_come_back_equal_in_order_with_names_and_metadata(version: int) -> None:
    circuits = small_circuits(5)
    for index, circuit in enumerate(circuits):
        circuit.name = f"circuit {index}"
        circuit.metadata = {"index": index, "nested": {"values": [1.5, None, "x"]}}
    decoded = decode_circuits(encode_circuits(circuits, qpy_version=version))
    assert decoded == circuits
    assert [circuit.name for circuit in decoded] == [circuit.name for circuit in circuits]
    assert [circuit.metadata for circuit in decoded] == [c.metadata for c in circuits]


def test_control_flow_parameters_and_custom_gates_come_back() -> None:
    angle = Parameter("angle")
    gate = QuantumCircuit(2, name="mine")
    gate.cx(0, 1)
    gate.ry(angle, 0)
    circuit = QuantumCircuit(3, 2)
    circuit.append(gate.to_gate(), [0, 1])
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(2)
    circuit.unitary(np.eye(4), [0, 1])
    assert decode_circuits(encode_circuits([circuit], qpy_version=NEWEST)) == [circuit]


@pytest.mark.parametrize(
    ("announced", "written"), [(13, 13), (16, 16), (NEWEST, NEWEST), (NEWEST + 50, NEWEST)]
)
def test_the_lower_of_both_sides_versions_is_written(announced: int, written: int) -> None:
    data = inner_bytes(encode_circuits(small_circuits(), qpy_version=announced))
    assert qpy.get_qpy_version(io.BytesIO(data[8:])) == written


def test_a_reader_announces_what_its_qiskit_reads() -> None:
    assert reader_qpy_version() == min(QPY_VERSION, 18)


def test_a_reader_below_qpy_13_is_refused() -> None:
    with pytest.raises(VersionMismatchError, match="upgrade qiskit on the worker"):
        encode_circuits(small_circuits(), qpy_version=12)


@pytest.mark.parametrize("version", [13, NEWEST])
def test_numpy_metadata_travels_as_plain_values_and_the_circuit_is_not_changed(
    version: int,
) -> None:
    metadata = {
        "integer": np.int64(3),
        "real": np.float32(0.5),
        "flag": np.bool_(True),
        "array": np.arange(4).reshape(2, 2),
        "nested": [{"x": np.uint8(1)}],
    }
    circuit = QuantumCircuit(1, metadata=metadata)
    (decoded,) = decode_circuits(encode_circuits([circuit], qpy_version=version))
    assert decoded.metadata == {
        "integer": 3,
        "real": 0.5,
        "flag": True,
        "array": [[0, 1], [2, 3]],
        "nested": [{"x": 1}],
    }
    assert circuit.metadata is metadata
    assert type(metadata["integer"]) is np.int64
    assert isinstance(metadata["array"], np.ndarray)


@pytest.mark.parametrize("bad", [{"a": object()}, {"a": 1j}, {(1, 2): 3}, {"a": np.array([1j])}])
def test_metadata_that_is_not_json_names_the_circuit(bad: dict[Any, Any]) -> None:
    circuits = small_circuits()
    circuits[1].name = "culprit"
    circuits[1].metadata = bad
    with pytest.raises(InvalidExperimentsError, match=r"circuit 101 \('culprit'\) has metadata"):
        encode_circuits(circuits, qpy_version=NEWEST, first_index=100)


class Note(Annotation):
    namespace = "tests.note"


@pytest.mark.parametrize("version", [13, NEWEST])
def test_a_circuit_that_qpy_cannot_hold_is_named(version: int) -> None:
    circuits = small_circuits()
    circuits[2].name = "noted"
    with circuits[2].box([Note()]):
        circuits[2].x(0)
    with pytest.raises(InvalidExperimentsError, match=rf"circuit 2 \('noted'\).*QPY {version}"):
        encode_circuits(circuits, qpy_version=version)


def test_what_is_no_circuit_is_named() -> None:
    with pytest.raises(InvalidExperimentsError, match="experiment 1 is a str"):
        encode_circuits([QuantumCircuit(1), "h 0"], qpy_version=NEWEST)


def test_no_circuits_are_refused() -> None:
    with pytest.raises(InvalidExperimentsError, match="no circuits"):
        encode_circuits([], qpy_version=NEWEST)


@pytest.mark.parametrize("version", [10, 12, NEWEST + 1, 255])
def test_qpy_outside_13_to_our_own_is_refused(version: int) -> None:
    program = one_program()
    program[6] = version
    with pytest.raises(VersionMismatchError, match=f"QPY {version}"):
        decode_circuits(blob_of(program))


@pytest.mark.parametrize(
    ("offset", "what"), [(FIRST_QUBITS_OFFSET, "qubits"), (FIRST_CLBITS_OFFSET, "classical bits")]
)
def test_too_many_bits_are_refused_before_they_are_made(offset: int, what: str) -> None:
    program = one_program()
    assert struct.unpack_from("!I", program, offset) == (1,)
    struct.pack_into("!I", program, offset, 1_000_000)
    blob = blob_of(program)
    assert len(blob) < 200
    tracemalloc.start()
    with pytest.raises(PayloadTooLargeError, match=rf"1,000,000 {what} in a circuit"):
        decode_circuits(blob)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("version", [13, NEWEST])
def test_limits_hold_over_all_circuits_of_a_blob(version: int) -> None:
    circuits = [QuantumCircuit(10, 5) for _ in range(4)]
    blob = encode_circuits(circuits, qpy_version=version)
    limits = CircuitLimits(max_circuits=4, max_qubits=10, max_clbits=5, max_total_bits=60)
    assert decode_circuits(blob, limits=limits) == circuits
    with pytest.raises(PayloadTooLargeError, match="60 bits in all"):
        decode_circuits(blob, limits=CircuitLimits(max_total_bits=59))
    with pytest.raises(PayloadTooLargeError, match="4 circuits"):
        decode_circuits(blob, limits=CircuitLimits(max_circuits=3))
    with pytest.raises(PayloadTooLargeError, match="10 qubits"):
        decode_circuits(blob, limits=CircuitLimits(max_qubits=9))
    with pytest.raises(PayloadTooLargeError, match="cap is 100"):
        decode_circuits(blob, limits=CircuitLimits(max_bytes=100))


@pytest.mark.parametrize("count", [0, 2, 1000])
def test_a_count_of_circuits_that_lies_is_refused(count: int) -> None:
    program = one_program()
    struct.pack_into("!Q", program, 10, count)
    with pytest.raises(CodecError, match="damaged"):
        decode_circuits(blob_of(program))


def test_an_old_program_of_several_circuits_is_refused() -> None:
    buffer = io.BytesIO()
    qpy.dump(small_circuits(2), buffer, version=13)
    with pytest.raises(CodecError, match="2 circuits without a table"):
        decode_circuits(blob_of(buffer.getvalue()))


@pytest.mark.parametrize(
    "data",
    [
        b"short",
        struct.pack("!Q", 1 << 60) + b"QISKIT",
        struct.pack("!Q", 6) + b"QISKIT",
        struct.pack("!Q", 40) + b"NOTQPY" + bytes(34),
    ],
)
def test_malformed_containers_are_refused(data: bytes) -> None:
    with pytest.raises(CodecError, match="damaged"):
        decode_circuits(frame.pack(CodecId.CIRCUITS, 1, data))


@settings(deadline=None)
@given(st.data())
def test_damaged_qpy_gives_circuits_or_a_codec_error(data: st.DataObject) -> None:
    # Above the headers' limits nothing is built; nested circuits are not in this program.
    program = one_program(QuantumCircuit(1, 1, name="c", metadata={"a": 1}))
    place = data.draw(st.integers(0, len(program) - 1))
    program[place : place + 2] = data.draw(st.binary(min_size=0, max_size=3))
    try:
        decode_circuits(blob_of(program), limits=CircuitLimits(max_qubits=100, max_clbits=100))
    except CodecError:
        return


def test_the_users_list_may_be_any_sequence() -> None:
    circuits = tuple(small_circuits(2))
    assert decode_circuits(encode_circuits(circuits, qpy_version=NEWEST)) == list(circuits)
