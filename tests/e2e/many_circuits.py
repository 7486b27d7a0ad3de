"""What ``test_many_circuits`` runs in a process of its own: a generator of circuits.

Takes the cluster's URL and the number of circuits; prints what it found as JSON.
"""

import json
import resource
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

from qiskit import QuantumCircuit
from qiskit.result import Result

from jobset_client import JobManager, ManagedResults, chunk_results
from jobset_protocol.codecs.result import decode_result
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.redis import RedisStore

SHOTS = 7
CHUNK_SIZE = 200


class Touched:
    """Counts which results are fetched, and how many are decoded."""

    def __init__(self) -> None:
        self.fetched: list[int] = []
        self.decoded = 0

    def results(self, store: RedisStore, keys: Iterable[ChunkKey]) -> list[bytes | None]:
        wanted = list(keys)
        self.fetched += [key.index for key in wanted]
        return _read_results(store, wanted)

    def decode(self, blob: bytes) -> Result:
        self.decoded += 1
        return decode_result(blob)

    def take(self) -> tuple[list[int], int]:
        """Return what was touched since the last call."""
        touched = self.fetched, self.decoded
        self.fetched, self.decoded = [], 0
        return touched


_read_results = RedisStore.results


def one_qubit_circuits(count: int) -> Iterator[QuantumCircuit]:
    for index in range(count):
        circuit = QuantumCircuit(1, 1, name=f"turn-{index}")
        circuit.rx(index * 1e-4, 0)
        circuit.measure(0, 0)
        yield circuit


def shots_of(results: ManagedResults, experiment: int | str) -> int:
    counts = results.get_counts(experiment)
    assert isinstance(counts, dict)
    return sum(counts.values())


def run(url: str, count: int, touched: Touched) -> dict[str, Any]:
    """Run a generator of circuits, and look at its results."""
    with JobManager(url) as manager:
        job_set = manager.run(
            one_qubit_circuits(count), "fake", max_experiments_per_job=CHUNK_SIZE, shots=SHOTS
        )
        results = job_set.results(timeout=100)
        by_results = touched.take()
        last_shots = shots_of(results, count - 1)
        by_last = touched.take()
        return {
            "circuits": job_set.record.circuit_count,
            "chunks": len(job_set.layout),
            "success": results.success,
            "touched by results": by_results,
            "shots of the last": last_shots,
            "touched by the last": by_last,
            "shots of the middle": shots_of(results, f"turn-{count // 2}"),
            "shots of all": sum(shots_of(results, index) for index in range(count)),
        }


def main() -> None:
    """Print what :func:`run` found, and the most memory that this process ever took."""
    touched = Touched()
    with (
        mock.patch.object(chunk_results, "decode_result", touched.decode),
        mock.patch.object(RedisStore, "results", autospec=True, side_effect=touched.results),
    ):
        found = run(sys.argv[1], int(sys.argv[2]), touched)
    found["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
