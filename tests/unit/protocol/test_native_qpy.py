"""What the C interface writes is what ``qpy.dump`` writes, byte for byte, or nothing."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy, transpile
from qiskit.circuit import Clbit, Gate, Parameter, ParameterVector, Qubit
from qiskit.circuit.library import CXGate, HGate
from qiskit.circuit.random import random_circuit
from qiskit.qpy.common import QPY_VERSION

from jobset_protocol.codecs.native_qpy import dump_plain
from jobset_protocol.codecs.qpy import _PlainMetadata

pytest.importorskip("qiskit.capi", reason="this qiskit has no C interface")


def with_qpy(circuits: list[QuantumCircuit]) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuits, buffer, metadata_serializer=_PlainMetadata)
    return buffer.getvalue()


def parametrised() -> QuantumCircuit:
    angle, vector = Parameter("a"), ParameterVector("v", 3)
    circuit = QuantumCircuit(2, name="ü☃", global_phase=angle)
    circuit.rx(angle, 0)
    circuit.rz(2 * angle + vector[1], 1)
    circuit.metadata = {"x": [1, 2.5, None], "é": "☃", "n": np.int64(3)}
    return circuit


def of_loose_bits() -> QuantumCircuit:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit()])
    circuit.h(0)
    circuit.measure(0, 0)
    return circuit


def of_overlapping_registers() -> QuantumCircuit:
    register = QuantumRegister(3, "r")
    alias = QuantumRegister(bits=[register[0], register[2]], name="alias")
    circuit = QuantumCircuit(register, alias, ClassicalRegister(2, "c"), global_phase=1.25)
    circuit.append(HGate(label="mine"), [0])
    circuit.barrier(label="here")
    circuit.delay(100, 0, "ns")
    circuit.delay(Parameter("t"), 1, "ns")
    circuit.reset(1)
    circuit.measure_all()
    return circuit


PLAIN: list[Callable[[], QuantumCircuit]] = [
    lambda: random_circuit(4, 6, measure=True, reset=True, seed=1),
    lambda: QuantumCircuit(0, name=""),
    parametrised,
    of_loose_bits,
    of_overlapping_registers,
]


@pytest.mark.parametrize("build", PLAIN)
def test_the_bytes_are_those_of_qpy(build: Callable[[], QuantumCircuit]) -> None:
    circuits = [build()]
    assert dump_plain(circuits, QPY_VERSION, _PlainMetadata) == with_qpy(circuits)


def test_the_bytes_of_several_circuits_are_those_of_qpy() -> None:
    circuits = [random_circuit(4, 6, measure=True, seed=seed) for seed in range(40)]
    circuits += [build() for build in PLAIN]
    assert dump_plain(circuits, QPY_VERSION, _PlainMetadata) == with_qpy(circuits)


def appended(operation: Gate, *qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.append(operation, qubits)
    return circuit


def transpiled() -> QuantumCircuit:
    line = [[0, 1], [1, 2], [2, 3]]
    return transpile(random_circuit(4, 3, seed=1), basis_gates=["cx", "u"], coupling_map=line)


def branching() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], True)):
        circuit.x(1)
    return circuit


@pytest.mark.parametrize(
    "build",
    [
        lambda: appended(Gate("h", 1, []), 0),
        lambda: appended(CXGate(ctrl_state=0), 0, 1),
        lambda: appended(random_circuit(2, 2, seed=1).to_gate(), 0, 1),
        transpiled,
        branching,
    ],
)
def test_what_only_qpy_can_write_is_left_to_it(build: Callable[[], QuantumCircuit]) -> None:
    assert dump_plain([QuantumCircuit(1), build()], QPY_VERSION, _PlainMetadata) is None


def test_an_older_version_is_left_to_qpy() -> None:
    assert dump_plain([QuantumCircuit(1)], 16, _PlainMetadata) is None
