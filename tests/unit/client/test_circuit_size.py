import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

from jobset_client import JobManager
from jobset_client.circuit_size import least_bytes
from jobset_protocol.codecs import frame
from jobset_protocol.codecs.qpy import encode_circuits, reader_qpy_version
from jobset_protocol.errors import PayloadTooLargeError
from jobset_protocol.messages import BackendSpec
from jobset_protocol.store import Store
from tests.unit.client.support import announce

GATES = get_standard_gate_name_mapping()
LAB = BackendSpec("lab", "mine", False, 17, max_bytes=600_000)


def written_bytes(circuit: QuantumCircuit, version: int) -> int:
    return frame.unpacked_bytes(encode_circuits([circuit], qpy_version=version))


@pytest.mark.parametrize("version", range(13, reader_qpy_version() + 1))
def test_it_is_never_more_than_what_is_written(version: int) -> None:
    for name, gate in GATES.items():
        circuit = QuantumCircuit(gate.num_qubits, gate.num_clbits)
        operation = gate.to_mutable()
        operation.params = [1 if name == "delay" else 0.5] * len(gate.params)
        for _ in range(20):
            circuit.append(operation, circuit.qubits, circuit.clbits)
        assert least_bytes(circuit) <= written_bytes(circuit, version), name


def test_it_is_nearly_what_is_written_of_plain_gates_and_matrices() -> None:
    circuit = QuantumCircuit(6, 6)
    for _ in range(500):
        circuit.rz(0.5, 0)
        circuit.cx(0, 1)
    circuit.append(UnitaryGate(np.eye(64)), range(6))
    circuit.measure(range(6), range(6))
    assert least_bytes(circuit) > 0.95 * written_bytes(circuit, reader_qpy_version())


@pytest.mark.parametrize("lazily", [False, True])
def test_one_far_down_the_list_is_refused_before_anything_is_stored(
    manager: JobManager, store: Store, lazily: bool
) -> None:
    announce(store, LAB)
    deep = QuantumCircuit(1, name="deep")
    for _ in range(15_000):
        deep.x(0)
    given = [QuantumCircuit(1, name="shallow"), deep]
    with pytest.raises(
        PayloadTooLargeError, match=r"experiments\[1\] \('deep'\) .* several smaller"
    ):
        manager.run(iter(given) if lazily else given, "lab")
    if not lazily:
        assert manager.job_sets() == []
