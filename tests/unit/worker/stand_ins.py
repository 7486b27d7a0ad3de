"""A provider and a broker that tests steer, in process."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from qiskit import QuantumCircuit
from qiskit.result import Result

from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.qpy import encode_circuits, reader_qpy_version
from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import ChunkKey, JobReference, SetRecord
from jobset_protocol.store.memory import MemoryStore, memory_store
from worker.execution import Execution
from worker.providers.base import Capabilities, Payload, Poll, PollStatus
from worker.steps import ServedBackend
from worker.watched import Pace, Watch
from worker.watcher import Watcher

ALIAS = "device"


def result_of(payload: Payload, *, failed: Sequence[str] = ()) -> Result:
    """Return counts for every circuit of a payload."""
    return Result.from_dict(
        {
            "backend_name": ALIAS,
            "job_id": "j",
            "success": not failed,
            "results": [
                {
                    "shots": 1,
                    "success": circuit.name not in failed,
                    "status": "ERROR: no" if circuit.name in failed else "DONE",
                    "data": {"counts": {"0x0": 1}},
                    "header": {"name": circuit.name},
                }
                for circuit in payload.circuits
            ],
        }
    )


class SteeredRemote:
    """A remote provider whose jobs end when the test says so."""

    local: ClassVar[bool] = False

    def __init__(self, **capabilities: Any) -> None:
        abilities: dict[str, Any] = {"reattach": True, "find": True, "cancel": True}
        self.capabilities = Capabilities(**(abilities | {"find_lag_seconds": 0.0} | capabilities))
        self.tags: dict[JobReference, str] = {}
        self.answers: dict[JobReference, Poll] = {}
        self.before_submit: Callable[[], None] = lambda: None
        self.after_submit: Callable[[], None] = lambda: None
        self.result_error: Exception | None = None
        self.find_error: Exception | None = None
        self.cancel_error: Exception | None = None
        self.failed: Sequence[str] = ()
        self.cancelled: list[JobReference] = []

    def classify(self, error: BaseException) -> FailureKind:
        """Tell the kind that the test gave."""
        return error.kind if isinstance(error, ProviderError) else FailureKind.FATAL

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        """Create a job."""
        self.before_submit()
        reference = JobReference(uuid.uuid4().hex)
        self.tags[reference] = tag
        self.after_submit()
        return reference

    def find(self, tag: str) -> list[JobReference]:
        """Look a tag up."""
        if self.find_error:
            raise self.find_error
        return [reference for reference, known in self.tags.items() if known == tag]

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Answer as the test says; RUNNING by default."""
        return {
            reference: self.answers.get(reference, Poll(PollStatus.RUNNING))
            for reference in references
            if reference in self.tags
        }

    def result(self, reference: JobReference, payload: Payload) -> Result:
        """Return counts."""
        if self.result_error:
            raise self.result_error
        return result_of(payload, failed=self.failed)

    def cancel(self, reference: JobReference) -> bool:
        """Cancel at once."""
        if self.cancel_error:
            raise self.cancel_error
        self.cancelled.append(reference)
        self.answers[reference] = Poll(PollStatus.CANCELLED)
        return True

    def end_all(self, status: PollStatus = PollStatus.DONE, error: str | None = None) -> None:
        """Let every job end."""
        self.answers = {reference: Poll(status, error=error) for reference in self.tags}


class SteeredLocal:
    """A local provider that fails when the test says so."""

    local: ClassVar[bool] = True
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.failed: Sequence[str] = ()
        self.during_run: Callable[[], None] = lambda: None

    def classify(self, error: BaseException) -> FailureKind:
        """Tell the kind that the test gave."""
        return error.kind if isinstance(error, ProviderError) else FailureKind.FATAL

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Return counts."""
        self.during_run()
        if self.error:
            raise self.error
        return result_of(payload, failed=self.failed)


class RecordingDispatcher:
    """Keeps messages instead of sending them."""

    def __init__(self) -> None:
        self.submits: list[ChunkKey] = []
        self.collects: list[ChunkKey] = []
        self.waiting = 0

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Keep submit messages."""
        self.submits += [ChunkKey(job_set.set_id, index) for index in indices]

    def collect(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Keep collect messages."""
        self.collects += [ChunkKey(job_set.set_id, index) for index in indices]

    def waiting_messages(self, backend: str) -> int:
        """Return what the test says is in the queue."""
        return self.waiting


class Bench:
    """A store, one backend, one worker and one watcher, all in this process."""

    def __init__(
        self,
        adapter: SteeredRemote | SteeredLocal,
        *,
        max_pending: int | None = None,
        lease_seconds: float = 30.0,
        in_doubt: str | None = None,
    ) -> None:
        self.store: MemoryStore = memory_store()
        self.dispatcher = RecordingDispatcher()
        self.backend = ServedBackend(ALIAS, adapter, max_pending, in_doubt)
        self.backends = {ALIAS: self.backend}
        self.worker = self.new_worker("w1", lease_seconds)
        self.pace = Pace(lease_seconds=lease_seconds, poll_min_seconds=0.01, poll_max_seconds=0.01)
        self.watcher = Watcher(Watch(self.store, self.backend, self.dispatcher, self.pace))

    def new_worker(self, owner: str, lease_seconds: float = 30.0) -> Execution:
        """Return one more worker."""
        return Execution(
            self.store, self.backends, self.dispatcher, owner=owner, lease_seconds=lease_seconds
        )

    def add_set(
        self, chunks: int = 1, backend: str = ALIAS, *, chunk_size: int = 1
    ) -> list[ChunkKey]:
        """Store a set of full chunks; their messages are in the test's hands."""
        circuits = []
        for index in range(chunks * chunk_size):
            circuit = QuantumCircuit(1, 1, name=f"c{index}")
            circuit.measure(0, 0)
            circuits.append(circuit)
        record = SetRecord(uuid.uuid4().hex, "set", backend, "me", len(circuits), chunk_size)
        self.store.create_set(record, encode_document([c.name for c in circuits]))
        version = reader_qpy_version()
        payloads = [
            encode_circuits(circuits[start : start + chunk_size], qpy_version=version)
            for start in range(0, len(circuits), chunk_size)
        ]
        self.store.add_chunks(record.set_id, 0, payloads)
        return [ChunkKey(record.set_id, index) for index in range(chunks)]

    def make_due(self) -> int:
        """Let everything in the schedule be due, and the watcher attend to it."""
        self.store.reschedule(ALIAS, dict.fromkeys(self._scheduled(), -1.0))
        return self.watcher.attend()

    def _scheduled(self) -> list[ChunkKey]:
        keys = []
        for set_id in self.store.live_sets():
            record = self.store.set_record(set_id)
            chunks = [ChunkKey(set_id, index) for index in range(record.chunk_count)]
            known = self.store.scheduled(ALIAS, chunks)
            keys += [key for key, there in zip(chunks, known, strict=True) if there]
        return keys
