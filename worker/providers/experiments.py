"""Shape what a provider returned into one experiment a circuit.

Backends differ in what a failed run leaves: Aer returns no header for a failed circuit, others
return fewer experiments than circuits.  Positions must stay right, so the gaps are filled.
"""

from collections.abc import Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from jobset_protocol.errors import FailureKind, ProviderError


def header_of(circuit: QuantumCircuit) -> dict[str, Any]:
    """Return the header that qiskit's simulators give a circuit's experiment."""
    return {
        "name": circuit.name,
        "n_qubits": circuit.num_qubits,
        "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
        "memory_slots": circuit.num_clbits,
        "metadata": circuit.metadata,
    }


def failed_experiment(circuit: QuantumCircuit, status: str) -> ExperimentResult:
    """Return the experiment of a circuit that was not run to its end."""
    return ExperimentResult(
        shots=0,
        success=False,
        data=ExperimentResultData(),
        status=status,
        header=header_of(circuit),
    )


def one_a_circuit(result: object, circuits: Sequence[QuantumCircuit], *, source: str) -> Result:
    """Return ``result`` with one experiment a circuit, each with a header.

    Args:
        result: What the backend returned.
        circuits: What it was given, in order.
        source: The backend, for messages.

    Raises:
        ProviderError: It is no qiskit ``Result``, or a successful one with a wrong count.
    """
    if not isinstance(result, Result):
        raise ProviderError(
            f"{source} returned {type(result).__name__}, not a qiskit Result: its run() does not "
            "follow BackendV2"
        )
    missing = len(circuits) - len(result.results)
    if missing < 0 or (missing and result.success):
        raise ProviderError(
            f"{source} returned {len(result.results)} experiments for {len(circuits)} circuits; "
            "which belongs to which cannot be told",
            kind=FailureKind.FATAL,
        )
    status = str(getattr(result.status, "value", result.status) or "ERROR")
    result.results.extend(
        failed_experiment(circuit, status) for circuit in circuits[len(result.results) :]
    )
    for circuit, experiment in zip(circuits, result.results, strict=True):
        if getattr(experiment, "header", None) is None:
            experiment.header = header_of(circuit)
    return result
