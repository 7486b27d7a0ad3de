"""Map a flat list of circuits onto chunks, and back.

A job set is one list of circuits; a chunk is the contiguous slice that one Celery task
carries.  The plan is arithmetic, not state: fixed at submission, rebuilt anywhere from two
integers, never parsed out of job names.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from jobset_protocol.errors import (
    CircuitNotFoundError,
    ConfigurationError,
    InvalidOptionsError,
)
from jobset_protocol.messages import MAX_CHUNKS, BackendSpec

MOST_CIRCUITS_BY_DEFAULT = 100
"""Circuits in a chunk when nobody names a limit: a bad circuit costs its chunk no more."""
LEAST_LOCAL_CHUNKS = 16
"""A simulator's set is cut into at least so many chunks, so that several workers share it."""
SHOTS_BY_DEFAULT = 1024
"""What counts for a circuit when nobody names a number: qiskit's simulators take so many."""


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Contiguous split of a job set; every chunk but the last is full.

    Args:
        circuit_count: Circuits in the job set, at least 1.
        chunk_size: Most circuits one provider job may hold, at least 1.

    Raises:
        ConfigurationError: Either number is below 1, or there would be too many chunks.

    >>> plan = ChunkPlan(circuit_count=1000, chunk_size=300)
    >>> [len(chunk) for chunk in plan]
    [300, 300, 300, 100]
    >>> plan.locate(501)
    (1, 201)
    """

    circuit_count: int
    chunk_size: int

    def __post_init__(self) -> None:
        if self.circuit_count < 1 or self.chunk_size < 1:
            raise ConfigurationError(
                f"a job set needs at least 1 circuit and 1 circuit a chunk, not "
                f"{self.circuit_count} and {self.chunk_size}"
            )
        if len(self) > MAX_CHUNKS:
            raise ConfigurationError(
                f"{self.circuit_count} circuits make {len(self)} chunks of {self.chunk_size}, and "
                f"a job set holds at most {MAX_CHUNKS}: raise max_experiments_per_job"
            )

    def __len__(self) -> int:
        return math.ceil(self.circuit_count / self.chunk_size)

    def __getitem__(self, chunk_index: int) -> range:
        if not 0 <= chunk_index < len(self):
            raise IndexError(f"no chunk {chunk_index} in {self}")
        start = chunk_index * self.chunk_size
        return range(start, min(start + self.chunk_size, self.circuit_count))

    def __iter__(self) -> Iterator[range]:
        return (self[chunk_index] for chunk_index in range(len(self)))

    def locate(self, circuit_index: int) -> tuple[int, int]:
        """Return ``(chunk_index, offset)`` of one circuit.

        Raises:
            CircuitNotFoundError: The index is outside the job set.
        """
        # divmod would send -1 to a plausible wrong chunk.
        if not 0 <= circuit_index < self.circuit_count:
            raise CircuitNotFoundError(f"no circuit {circuit_index} in {self}")
        return divmod(circuit_index, self.chunk_size)


def chunk_size(
    spec: BackendSpec,
    max_experiments_per_job: int | None = None,
    *,
    shots: int | None = None,
    circuit_count: int | None = None,
) -> int:
    """Return how many circuits a chunk may hold, by their number and their shots.

    The user's wish is capped by the backend's limits.  Without a wish the backend's limit is
    used, as the original did.  Without either, a chunk has at most 100 circuits, and a simulator
    that runs inside the workers gets at least 16 chunks to share among them, circuits
    permitting; results do not depend on the split.

    Args:
        spec: What workers announced.
        max_experiments_per_job: The user's wish.
        shots: Of each circuit; ``None`` counts as 1,024.
        circuit_count: Circuits in the set; ``None`` when nobody knows yet.

    Raises:
        InvalidOptionsError: One circuit has more shots than the backend takes in one job.

    >>> lab = BackendSpec("lab", "mine", False, 17, max_circuits=300, max_executions=100_000)
    >>> chunk_size(lab, shots=1000)
    100
    """
    if max_experiments_per_job is not None:
        size = max_experiments_per_job
    elif spec.local and spec.max_circuits is None and circuit_count is not None:
        size = min(MOST_CIRCUITS_BY_DEFAULT, math.ceil(circuit_count / LEAST_LOCAL_CHUNKS))
    else:
        size = spec.max_circuits or MOST_CIRCUITS_BY_DEFAULT
    if spec.max_executions is not None:
        size = min(size, _circuits_by_shots(spec, spec.max_executions, shots))
    return min(size, spec.max_circuits or size)


def _circuits_by_shots(spec: BackendSpec, max_executions: int, shots: int | None) -> int:
    shots = shots or SHOTS_BY_DEFAULT
    if shots > max_executions:
        raise InvalidOptionsError(
            f"a single circuit with {shots:,} shots is more than backend {spec.alias!r} takes in "
            f"one job ({max_executions:,} circuits × shots): lower shots"
        )
    return max_executions // shots


def plan_chunks(
    circuit_count: int,
    spec: BackendSpec,
    max_experiments_per_job: int | None = None,
    *,
    shots: int | None = None,
) -> ChunkPlan:
    """Split a list for a backend into chunks of one size; see :func:`chunk_size`.

    Raises:
        ConfigurationError: There would be too many chunks.
        InvalidOptionsError: One circuit has more shots than the backend takes in one job.

    >>> aer = BackendSpec(alias="aer", provider="aer", local=True, qpy_version=17)
    >>> [len(plan_chunks(count, aer)) for count in (1, 10, 1000, 10_000)]
    [1, 10, 16, 100]
    """
    size = chunk_size(spec, max_experiments_per_job, shots=shots, circuit_count=circuit_count)
    return ChunkPlan(circuit_count=circuit_count, chunk_size=size)
