"""A client without servers: fakeredis as the store, a list as the broker, a worker's steps."""

from collections.abc import Sequence

from qiskit import QuantumCircuit
from qiskit.result import Result

from jobset_client import ManagedJobSet
from jobset_protocol.codecs.qpy import decode_circuits
from jobset_protocol.codecs.result import encode_result
from jobset_protocol.errors import FailureKind, StoreUnavailableError
from jobset_protocol.messages import (
    BackendSpec,
    ChunkKey,
    Claim,
    ErrorRecord,
    JobReference,
    SetRecord,
    WorkerRecord,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store

ALIAS = "sim"
LEASE_SECONDS = 30.0


class ListSender:
    """Keeps what it is given to send; can be told to be down."""

    def __init__(self) -> None:
        self.sent: list[ChunkKey] = []
        self.fails_after: int | None = None
        self.closed = False

    def send(self, job_set: SetRecord, indices: range) -> None:
        if self.fails_after is not None and len(self.sent) >= self.fails_after:
            raise StoreUnavailableError("the broker does not take messages")
        self.sent += [ChunkKey(job_set.set_id, index) for index in indices]

    def close(self) -> None:
        self.closed = True


def backend(
    *,
    max_circuits: int | None = None,
    max_shots: int | None = None,
    num_qubits: int | None = None,
) -> BackendSpec:
    return BackendSpec(
        alias=ALIAS,
        provider="test",
        local=True,
        qpy_version=13,
        max_circuits=max_circuits,
        max_shots=max_shots,
        num_qubits=num_qubits,
    )


def announce(store: Store, *specs: BackendSpec, alive: bool = True) -> None:
    aliases = [spec.alias for spec in specs]
    store.announce(WorkerRecord("w1", "worker", "here", 1, aliases), specs, ttl_seconds=60)
    if not alive:
        store.depart("w1")


def circuits(count: int, *, prefix: str = "c") -> list[QuantumCircuit]:
    """Circuit i flips the bits of i, so that its counts tell which one it is."""
    made = []
    for number in range(count):
        circuit = QuantumCircuit(7, 7, name=f"{prefix}{number}")
        for bit in range(7):
            if number >> bit & 1:
                circuit.x(bit)
        circuit.measure(range(7), range(7))
        made.append(circuit)
    return made


def counts_of(number: int, shots: int = 10) -> dict[str, int]:
    return {format(number, "07b"): shots}


def result_of(
    names: Sequence[str], first: int, *, failed: Sequence[int] = (), backend_name: str = "device"
) -> Result:
    experiments = [
        {
            "shots": 10,
            "success": offset not in failed,
            "status": "DONE" if offset not in failed else "ERROR: no such gate",
            "meas_level": 2,
            "data": {"counts": {hex(first + offset): 10}} if offset not in failed else {},
            "header": {"name": name, "memory_slots": 7, "creg_sizes": [["c", 7]]},
        }
        for offset, name in enumerate(names)
    ]
    return Result.from_dict(
        {
            "backend_name": backend_name,
            "backend_version": "1.2.3",
            "job_id": f"job-{first}",
            "success": not failed,
            "date": "2026-01-01",
            "status": "COMPLETED",
            "header": None,
            "results": experiments,
            "time_taken": 0.5,
            "metadata": {"omp_enabled": True, "time_taken_execute": 0.1 * first},
        }
    )


class FakeWorker:
    """Does a worker's steps through the store's own transitions."""

    def __init__(self, store: Store, job_set: ManagedJobSet) -> None:
        self.store = store
        self.set = job_set
        self.backend = job_set.record.backend

    def key(self, index: int) -> ChunkKey:
        return ChunkKey(self.set.job_set_id(), index)

    def claim(self, index: int, into: ChunkStatus = ChunkStatus.RUNNING) -> tuple[Claim, bytes]:
        claimed = self.store.claim(
            self.key(index),
            backend=self.backend,
            owner="w1",
            lease_seconds=LEASE_SECONDS,
            into=into,
        )
        assert claimed is not None
        return claimed

    def submit(self, index: int, job_id: str) -> None:
        claim, _ = self.claim(index, ChunkStatus.CLAIMED)
        self.store.intend(claim)
        self.store.submitted(
            claim, JobReference(job_id), backend=self.backend, poll_after_seconds=1.0
        )

    def run(self, index: int, *, failed: Sequence[int] = ()) -> None:
        """Claim, read the circuits back, and finish with a result."""
        claim, payload = self.claim(index)
        names = [circuit.name for circuit in decode_circuits(payload)]
        first = self.set.record.circuits_of(index).start
        blob = encode_result(result_of(names, first, failed=failed))
        if failed:
            error = ErrorRecord("ProviderError", "1 circuit failed", where="run")
            self.finish(claim, ChunkStatus.FAILED, result=blob, error=error)
        else:
            self.finish(claim, ChunkStatus.DONE, result=blob)

    def run_all(self) -> None:
        for index in self.set.layout.indices:
            self.run(index)

    def fail(self, index: int, message: str = "boom", *, where: str = "run") -> None:
        claim, _ = self.claim(index)
        kind = FailureKind.FATAL if where == "run" else FailureKind.REJECTED
        error = ErrorRecord("ProviderError", message, kind, where)
        self.finish(claim, ChunkStatus.FAILED, error=error)

    def finish(
        self,
        claim: Claim,
        status: ChunkStatus,
        *,
        result: bytes | None = None,
        error: ErrorRecord | None = None,
    ) -> None:
        self.store.finish(claim, status, backend=self.backend, result=result, error=error)
