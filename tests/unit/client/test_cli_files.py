import os
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2, qpy

from jobset_client.cli import circuit_files
from jobset_client.cli.circuit_files import read_circuits
from jobset_protocol.codecs.circuit_limits import CircuitLimits
from jobset_protocol.errors import ConfigurationError, InvalidExperimentsError

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nh q[0];\n'


def file(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def flip(num_qubits: int, *, name: str | None = None) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, name=name)
    circuit.x(0)
    return circuit


def qpy_file(tmp_path: Path, *circuits: QuantumCircuit, version: int = 13) -> Path:
    path = tmp_path / "stem.qpy"
    with path.open("wb") as target:
        qpy.dump(list(circuits), target, version=version)
    return path


@pytest.mark.parametrize("name", ["bell.qasm", "bell.txt", "bell"])
def test_content_decides_what_a_file_is(tmp_path: Path, name: str) -> None:
    [circuit] = read_circuits(file(tmp_path, name, f"// OPENQASM 3.0;\n\n{QASM2}"))
    assert circuit.name == "bell"
    assert dict(circuit.count_ops()) == {"h": 1, "cx": 1}


def test_gates_that_qiskit_writes_are_read_back_as_its_own(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.rzz(0.3, 0, 1)
    [read] = read_circuits(file(tmp_path, "a.qasm", qasm2.dumps(circuit)))
    assert [instruction.operation.base_class for instruction in read] == [
        instruction.operation.base_class for instruction in circuit
    ]


def test_openqasm_3_is_read_or_its_extra_is_named(tmp_path: Path) -> None:
    path = file(tmp_path, "three.qasm", QASM3)
    try:
        import qiskit_qasm3_import  # noqa: F401
    except ImportError:
        with pytest.raises(ConfigurationError, match=r"jobset\[qasm3\]"):
            read_circuits(path)
    else:
        assert [circuit.name for circuit in read_circuits(path)] == ["three"]


@pytest.mark.parametrize("version", [13, 17])
def test_qpy_holds_several_circuits(tmp_path: Path, version: int) -> None:
    path = qpy_file(tmp_path, flip(1, name="own"), flip(2), version=version)
    assert [circuit.name for circuit in read_circuits(path)] == ["own", "stem_1"]


def test_qpy_is_known_by_its_content(tmp_path: Path) -> None:
    path = qpy_file(tmp_path, flip(1)).rename(tmp_path / "data.bin")
    assert [circuit.name for circuit in read_circuits(path)] == ["data"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.qasm", "OPENQASM 2.0;\nqreg q[2];\nfoo q[0];", "a.qasm:3,0: 'foo' is not defined"),
        ("a.qasm", "OPENQASM 4.0;\n", "OpenQASM 2 or 3"),
        ("a.txt", "hello", "OpenQASM 2 or 3"),
        ("empty.qasm", "", "OpenQASM 2 or 3"),
        ("a.bin", b"\xff\xfe\x00", "neither QPY nor text"),
        ("a.qpy", b"", "damaged"),
        ("a.qpy", b"QISKIT", "damaged"),
        ("a.qpy", b"QISKIT" + bytes([12]) + bytes(13), "QPY 12"),
        ("a.qpy", b"QISKIT" + bytes([99]) + bytes(13), "QPY 99"),
        ("a.qpy", b"QISKIT" + bytes([17]) + b"\xff" * 13, "damaged|limit"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    path = file(tmp_path, name, content)
    with pytest.raises(InvalidExperimentsError, match=reason) as caught:
        read_circuits(path)
    assert str(path) in str(caught.value)


def test_damaged_qpy_is_told(tmp_path: Path) -> None:
    path = qpy_file(tmp_path, QuantumCircuit(1), QuantumCircuit(2), version=17)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidExperimentsError, match="damaged"):
        read_circuits(path)


def test_a_large_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_files, "_LIMITS", CircuitLimits(max_bytes=1 << 20))
    path = file(tmp_path, "huge.qpy", b"")
    with path.open("r+b") as sparse:
        sparse.truncate((1 << 20) + 1)
    with pytest.raises(InvalidExperimentsError, match="larger than 1 MiB"):
        read_circuits(path)


def test_qpy_that_names_too_many_qubits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_files, "_LIMITS", CircuitLimits(max_qubits=1))
    with pytest.raises(InvalidExperimentsError, match="2 qubits"):
        read_circuits(qpy_file(tmp_path, QuantumCircuit(2), version=17))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_pipe_is_read_once(mark: str) -> None:
    # Given a pipe, as of `<(…)` or `… | jobset run /dev/stdin`
    reader, writer = os.pipe()
    os.write(writer, (mark + QASM2).encode())
    os.close(writer)
    # When its circuit is read
    try:
        [circuit] = read_circuits(Path(f"/dev/fd/{reader}"))
    finally:
        os.close(reader)
    # Then nothing of it is missing
    assert dict(circuit.count_ops()) == {"h": 1, "cx": 1}


def test_a_circuit_without_instructions_is_refused(tmp_path: Path) -> None:
    empty = file(tmp_path, "empty.qasm", "OPENQASM 2.0;\nqreg q[2];\n")
    with pytest.raises(InvalidExperimentsError, match="has no instructions"):
        read_circuits(empty)
    with pytest.raises(InvalidExperimentsError, match="circuit 1 has no instructions"):
        read_circuits(qpy_file(tmp_path, flip(1), QuantumCircuit(2)))
