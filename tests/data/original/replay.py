"""Bring Jobset to where the original was."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qiskit import QuantumCircuit
from qiskit.result import Result

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.codecs.result import encode_result
from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from tests.unit.client.support import LEASE_SECONDS, FakeWorker, announce, backend

BACKEND_NAME = "device"
Case = Mapping[str, Any]


def circuits(names: Sequence[str]) -> list[QuantumCircuit]:
    """Return circuits of these names; what they do is in the recorded results."""
    return [QuantumCircuit(4, 4, name=name) for name in names]


def announce_backend(store: Store, max_circuits: int | None) -> None:
    """Announce a remote backend, as all of the original's were."""
    spec = backend(max_circuits=max_circuits)
    announce(store, replace(spec, alias=BACKEND_NAME, local=False))


class Replay:
    """Runs a recorded set on Jobset, and does to its jobs what the service did.

    Args:
        store: Where the set goes.
        manager: What runs it.
    """

    def __init__(self, store: Store, manager: JobManager) -> None:
        self._store = store
        self._manager = manager

    def run(self, case: Case) -> ManagedJobSet:
        """Run one set to where the recorded one was."""
        announce_backend(self._store, case["backend_max"])
        waits = any(job["ends"] == "WAITING" for job in case["jobs"])
        job_set = self._send_first_chunk(case) if waits else self._send(case)
        worker = FakeWorker(self._store, job_set)
        for index, job in enumerate(case["jobs"]):
            self._lead(worker, index, job)
        if case["cancel"]:
            job_set.cancel()
            self._confirm_cancelling(worker)
        return job_set

    def _send(self, case: Case) -> ManagedJobSet:
        return self._manager.run(
            circuits(case["circuits"]),
            BACKEND_NAME,
            name=case["name"],
            max_experiments_per_job=case["max_experiments_per_job"],
            job_tags=case["tags"],
            shots=10,
            memory=True,
        )

    def _send_first_chunk(self, case: Case) -> ManagedJobSet:
        """Be a client that has sent the first chunk and is still at the others."""
        size, names = case["max_experiments_per_job"], case["circuits"]
        record = SetRecord(
            set_id=f"{1:032x}",
            name=case["name"],
            backend=BACKEND_NAME,
            owner="ada",
            circuit_count=len(names),
            chunk_size=size,
        )
        self._store.create_set(record, encode_document(names))
        payload = encode_circuits(circuits(names[:size]), qpy_version=backend().qpy_version)
        self._store.add_chunks(record.set_id, 0, [payload])
        return self._manager.retrieve_job_set(record.set_id)

    def _lead(self, worker: FakeWorker, index: int, job: Mapping[str, Any]) -> None:
        """Lead one chunk to where its job was."""
        ends = job["ends"]
        if ends == "WAITING":
            return
        if ends == "REFUSED":
            worker.fail(index, job["error"], where="submit")
            return
        worker.submit(index, job["id"])
        if ends == "DONE":
            result = encode_result(Result.from_dict(job["result"]))
            self._finish(worker, index, ChunkStatus.DONE, result=result)
        elif ends == "ERROR":
            error = ErrorRecord("ProviderError", job["error"], FailureKind.FATAL, where="poll")
            self._finish(worker, index, ChunkStatus.FAILED, error=error)
        else:
            status = ChunkStatus.RUNNING if ends == "RUNNING" else ChunkStatus.SUBMITTED
            [record] = self._store.chunks([worker.key(index)])
            self._store.observed(record, status, job.get("queue_position"))

    def _finish(
        self,
        worker: FakeWorker,
        index: int,
        status: ChunkStatus,
        *,
        result: bytes | None = None,
        error: ErrorRecord | None = None,
    ) -> None:
        claim = self._store.claim_collection(
            worker.key(index), backend=BACKEND_NAME, owner="w1", lease_seconds=LEASE_SECONDS
        )
        assert claim is not None
        worker.finish(claim, status, result=result, error=error)

    def _confirm_cancelling(self, worker: FakeWorker) -> None:
        """Be the watcher whose provider has cancelled what it had."""
        for index, status in enumerate(worker.set.chunk_statuses()):
            if not status.is_final:
                self._finish(worker, index, ChunkStatus.CANCELLED)
