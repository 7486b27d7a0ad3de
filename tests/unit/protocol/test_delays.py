"""QPY itself forgets the units of delays (Qiskit/qiskit#8293)."""

import io

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Instruction, Parameter
from qiskit.circuit.classical import expr

from jobset_protocol.codecs.directives import carried
from jobset_protocol.codecs.qpy import decode_circuits, encode_circuits, reader_qpy_version
from jobset_protocol.errors import CodecError

VERSIONS = [13, 16, reader_qpy_version()]


def travelled(circuit: QuantumCircuit, version: int) -> QuantumCircuit:
    [back] = decode_circuits(encode_circuits([circuit], qpy_version=version))
    return back


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "ps", "dt"])
def test_a_delay_keeps_its_unit(unit: str, version: int) -> None:
    circuit = QuantumCircuit(2, name="idle", metadata={"a": 1})
    circuit.x(0)
    circuit.delay(100, 0, unit=unit)
    circuit.delay(7, 1, unit=unit)
    circuit.data[1].operation.label = "mine"

    back = travelled(circuit, version)

    assert back == circuit
    assert [each.operation.unit for each in back.data if each.name == "delay"] == [unit, unit]
    assert (back.name, back.metadata) == ("idle", {"a": 1})


@pytest.mark.parametrize("version", VERSIONS)
def test_half_a_microsecond_and_a_parameter_keep_theirs(version: int) -> None:
    time = Parameter("time")
    circuit = QuantumCircuit(1)
    circuit.delay(0.5, 0, unit="us")
    circuit.delay(time, 0, unit="ns")

    back = travelled(circuit, version)

    assert [each.operation.unit for each in back.data] == ["us", "ns"]
    assert back.assign_parameters([12.0]) == circuit.assign_parameters({time: 12.0})


def test_delays_in_control_flow_keep_theirs() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.delay(3, 0, unit="us")

    assert travelled(circuit, reader_qpy_version()) == circuit


def test_a_duration_that_is_an_expression_is_left_to_qpy() -> None:
    circuit = QuantumCircuit(1)
    stretch = circuit.add_stretch("stretch")
    circuit.delay(expr.lift(stretch), 0)

    assert carried(circuit) is circuit
    assert travelled(circuit, reader_qpy_version()) == circuit


def test_circuits_without_such_delays_are_not_copied() -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(3, 0)

    assert carried(circuit) is circuit


@pytest.mark.parametrize("params", [[], [1.0, "parsec"], ["us", 1.0], [1.0]])
def test_a_damaged_carrier_is_told(params: list[object]) -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Instruction("jobset_delay", 1, 0, params), [0])

    with pytest.raises(CodecError, match="damaged"):
        travelled(circuit, reader_qpy_version())


def test_qiskit_still_forgets_them() -> None:
    """Once this fails, the carriers can go for readers of that version."""
    circuit = QuantumCircuit(1)
    circuit.delay(100, 0, unit="us")
    file = io.BytesIO()
    qpy.dump(circuit, file, version=reader_qpy_version())
    file.seek(0)

    assert qpy.load(file)[0].data[0].operation.unit == "dt"
