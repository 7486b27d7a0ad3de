"""What a worker of plain Celery or of Dask does with one chunk, and how a chunk travels.

Imported at the top by those workers, so that no import falls into a measurement.
"""

import functools
import io
from collections.abc import Sequence

from qiskit import QuantumCircuit, qpy
from qiskit.result import Result
from qiskit_aer import AerSimulator

from jobset_bench.workloads import Counts, WorkloadName
from worker.providers.base import Payload
from worker.providers.fake import FakeOptions, FakeProvider


def encode(circuits: Sequence[QuantumCircuit]) -> bytes:
    """Write a chunk as one QPY document."""
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer)
    return buffer.getvalue()


def run_on_aer(payload: bytes, shots: int, seed: int) -> list[Counts]:
    """Run a chunk's circuits on Aer in one call."""
    circuits = qpy.load(io.BytesIO(payload))
    return counts_of(simulator().run(circuits, shots=shots, seed_simulator=seed).result())


def answer_at_once(payload: bytes, shots: int, seed: int) -> list[Counts]:
    """Run a chunk's circuits on the provider that answers Jobset's workers at once, too."""
    circuits = Payload(qpy.load(io.BytesIO(payload)), start_index=0)
    return counts_of(_fake().run(circuits, {"shots": shots, "seed_simulator": seed}))


RUNNERS = {WorkloadName.AER: run_on_aer, WorkloadName.INSTANT: answer_at_once}
"""What a chunk of each workload asks of a worker."""


def counts_of(result: Result) -> list[Counts]:
    """Return the counts of every experiment of a result, in order."""
    return [dict(result.get_counts(index)) for index in range(len(result.results))]


@functools.cache
def simulator() -> AerSimulator:
    """Return this process's simulator."""
    return AerSimulator()


@functools.cache
def _fake() -> FakeProvider:
    return FakeProvider("fake", FakeOptions())
