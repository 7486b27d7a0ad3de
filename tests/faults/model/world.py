"""What outlives a history: the server, the store of mortal callers, the broker and the workers."""

import functools
from collections.abc import Sequence

from qiskit import QuantumCircuit

from jobset_protocol import keys
from jobset_protocol.codecs.qpy import encode_circuits, reader_qpy_version
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.store import RedisStore, connect
from tests.faults.model.fates import Lifeline
from tests.faults.model.mortal_store import MortalStore
from tests.faults.model.provider import LONG_SECONDS
from worker.execution import Execution
from worker.steps import ServedBackend

OWNERS = ("a", "b", "c")
THE_OTHER = "z"
"""The worker that acts while one of the owners is paused."""


class Messages:
    """The broker: messages wait here until a worker takes them.

    Args:
        lifeline: Of whoever sends.
    """

    def __init__(self, lifeline: Lifeline) -> None:
        self.waiting: list[tuple[str, ChunkKey]] = []
        self._lifeline = lifeline

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Send messages that make workers submit."""
        self._send("submit", job_set, indices)

    def collect(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Send messages that make workers collect."""
        self._send("collect", job_set, indices)

    def _send(self, kind: str, job_set: SetRecord, indices: Sequence[int]) -> None:
        for index in indices:
            self._lifeline.reach()
            self.waiting.append((kind, ChunkKey(job_set.set_id, index)))

    def waiting_messages(self, backend: str) -> int:
        """Count the messages that no worker has taken yet."""
        return len(self.waiting)

    def take(self, pick: int) -> tuple[str, ChunkKey] | None:
        """Take one message off."""
        return self.waiting.pop(pick % len(self.waiting)) if self.waiting else None


class World:
    """A server, and the processes of a cluster.

    Args:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.lifeline = Lifeline()
        self.store = MortalStore(url, self.lifeline)
        self._epoch = self.store.require_epoch()
        self.observer: RedisStore = connect(url)
        self.messages = Messages(self.lifeline)
        self.backends: dict[str, ServedBackend] = {}
        # No lease lapses by itself: a history says when time has passed.
        self.workers = {
            owner: Execution(
                self.store,
                self.backends,
                self.messages,
                owner=owner,
                lease_seconds=LONG_SECONDS,
            )
            for owner in (*OWNERS, THE_OTHER)
        }

    def forget(self) -> None:
        """Begin anew, with an empty store of the same identity."""
        commands = [("FLUSHDB",), ("SET", keys.EPOCH, self._epoch)]
        self.observer.scripts.run(commands)

    def close(self) -> None:
        """Close the connections."""
        self.store.close()
        self.observer.close()


@functools.cache
def payload_of(start: int, size: int) -> bytes:
    """Return the encoded circuits ``c<start>``, ``c<start + 1>``, and so on."""
    circuits = []
    for index in range(start, start + size):
        circuit = QuantumCircuit(1, 1, name=f"c{index}")
        circuit.measure(0, 0)
        circuits.append(circuit)
    return encode_circuits(circuits, qpy_version=reader_qpy_version())
