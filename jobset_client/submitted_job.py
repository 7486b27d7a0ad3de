"""What was submitted as one job; it stands where the original had a Qobj.

>>> circuit = QuantumCircuit(1, 1, name="flip")
>>> _ = circuit.x(0), circuit.measure(0, 0)
>>> job = SubmittedJob([circuit], SimpleNamespace(shots=10, start_index=0))
>>> job.config.shots, [each["name"] for each in job.to_dict()["experiments"][0]["instructions"]]
(10, ['x', 'measure'])
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ParameterExpression


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """The circuits and the options of one chunk, as they are in the store.

    Args:
        experiments: The circuits, in order.
        config: The run options, such as ``shots`` and ``seed_simulator``; and what the chunk's
            seed follows from on the worker: ``start_index``, the first circuit's index in the
            set, and ``seed_policy``.
    """

    experiments: list[QuantumCircuit]
    config: SimpleNamespace

    def to_dict(self) -> dict[str, Any]:
        """Return it as lists and dicts, each circuit in the layout of a Qobj's experiment.

        For reading: circuits are rebuilt from :attr:`experiments`, not from this.
        """
        return {
            "experiments": [_experiment(circuit) for circuit in self.experiments],
            "config": dict(vars(self.config)),
        }


def _experiment(circuit: QuantumCircuit) -> dict[str, Any]:
    return {
        "header": {
            "name": circuit.name,
            "n_qubits": circuit.num_qubits,
            "memory_slots": circuit.num_clbits,
            "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
            "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
            "global_phase": _plain(circuit.global_phase),
            "metadata": dict(circuit.metadata or {}),
        },
        "instructions": [_instruction(circuit, each) for each in circuit.data],
    }


def _instruction(circuit: QuantumCircuit, instruction: CircuitInstruction) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": instruction.operation.name,
        "qubits": [circuit.find_bit(qubit).index for qubit in instruction.qubits],
    }
    if instruction.clbits:
        described["memory"] = [circuit.find_bit(clbit).index for clbit in instruction.clbits]
    if instruction.operation.params:
        described["params"] = [_plain(value) for value in instruction.operation.params]
    return described


def _plain(value: Any) -> Any:
    """Return a parameter as plain numbers; what has no number, such as a symbol, as text."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, ParameterExpression) and not value.parameters:
        return value.numeric()
    if isinstance(value, QuantumCircuit):
        return _experiment(value)
    return value if isinstance(value, int | float | complex | str) else str(value)
