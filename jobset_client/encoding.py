"""Circuits into encoded chunks, one after another, however many circuits there are.

Chunks are closed early when they grow heavy: the number of instructions tells before anything is
encoded, the encoded bytes tell for certain.  Bytes are those of the QPY, before compression: a
worker holds them, and a provider counts them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qiskit import QuantumCircuit

from jobset_client.chunking import ChunkPlan
from jobset_protocol.codecs import frame
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.errors import PayloadTooLargeError
from jobset_protocol.messages import BackendSpec

TARGET_BYTES = 8_000_000
"""Above it a chunk is cut: results arrive in pieces, and workers stay small."""
MOST_INSTRUCTIONS = 100_000
"""At so many instructions a chunk is closed; one takes some 60 bytes of QPY."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk that can be sent.

    Args:
        circuits: Their indices in the set.
        names: Their names.
        payload: Themselves, encoded and compressed.
        qpy_bytes: Their size before compression.
    """

    circuits: range
    names: Sequence[str]
    payload: bytes = field(repr=False)
    qpy_bytes: int


class ChunkEncoder:
    """Encodes consecutive lists of circuits for a backend.

    Args:
        spec: What its workers announced.
    """

    def __init__(self, spec: BackendSpec) -> None:
        self._spec = spec
        self._target_bytes = min(TARGET_BYTES, spec.max_bytes or TARGET_BYTES)

    def whole(self, lists: Iterable[Sequence[QuantumCircuit]]) -> Iterator[EncodedChunk]:
        """Encode each list as one chunk.

        Raises:
            InvalidExperimentsError: A circuit cannot be encoded; names it.
            PayloadTooLargeError: A list is more than fits into one job.
            VersionMismatchError: The workers are too old.
        """
        start = 0
        for circuits in lists:
            yield self._encoded(circuits, start)
            start += len(circuits)

    def cut(self, lists: Iterable[Sequence[QuantumCircuit]]) -> Iterator[EncodedChunk]:
        """Encode each list as one chunk, or as several where one would be large.

        Raises:
            InvalidExperimentsError: A circuit cannot be encoded; names it.
            PayloadTooLargeError: A single circuit is more than fits into one job; names it.
            VersionMismatchError: The workers are too old.
        """
        start = 0
        for circuits in lists:
            yield from self._pieces(circuits, start)
            start += len(circuits)

    def is_small(self, chunk: EncodedChunk) -> bool:
        """Tell whether a chunk may stay as it is."""
        return len(chunk.circuits) == 1 or chunk.qpy_bytes <= self._target_bytes

    def _pieces(self, circuits: Sequence[QuantumCircuit], start: int) -> list[EncodedChunk]:
        try:
            chunk = self._encoded(circuits, start)
        except PayloadTooLargeError:
            if len(circuits) == 1:
                raise
            pieces = 2
        else:
            if self.is_small(chunk):
                return [chunk]
            pieces = math.ceil(chunk.qpy_bytes / self._target_bytes)
        size = math.ceil(len(circuits) / pieces)
        return [
            piece
            for offset in range(0, len(circuits), size)
            for piece in self._pieces(circuits[offset : offset + size], start + offset)
        ]

    def _encoded(self, circuits: Sequence[QuantumCircuit], start: int) -> EncodedChunk:
        version, limit = self._spec.qpy_version, self._spec.max_bytes
        try:
            payload = encode_circuits(circuits, qpy_version=version, first_index=start)
            qpy_bytes = frame.unpacked_bytes(payload)
            if limit is not None and qpy_bytes > limit:
                raise PayloadTooLargeError(
                    f"{qpy_bytes:,} bytes, and backend {self._spec.alias!r} takes {limit:,}"
                )
        except PayloadTooLargeError as error:
            raise PayloadTooLargeError(_too_large(circuits, start, error)) from error
        names = [circuit.name for circuit in circuits]
        return EncodedChunk(range(start, start + len(circuits)), names, payload, qpy_bytes)


def gathered(
    circuits: Iterable[QuantumCircuit], chunk_size: int
) -> Iterator[Sequence[QuantumCircuit]]:
    """Yield lists of at most ``chunk_size`` circuits as these come, heavy ones in shorter lists."""
    chunk: list[QuantumCircuit] = []
    instructions = 0
    for circuit in circuits:
        chunk.append(circuit)
        instructions += len(circuit.data)
        if len(chunk) >= chunk_size or instructions >= MOST_INSTRUCTIONS:
            yield chunk
            chunk, instructions = [], 0
    if chunk:
        yield chunk


def is_light(circuits: Sequence[QuantumCircuit], plan: ChunkPlan) -> bool:
    """Tell whether no chunk of a plan would be closed early by its instructions."""
    return all(
        len(chunk) == 1
        or sum(len(circuit.data) for circuit in circuits[chunk.start : chunk.stop])
        < MOST_INSTRUCTIONS
        for chunk in plan
    )


def _too_large(circuits: Sequence[QuantumCircuit], start: int, error: PayloadTooLargeError) -> str:
    if len(circuits) == 1:
        return (
            f"circuit {start} ({circuits[0].name!r}) is too large for one job: {error}; "
            "run it as several smaller circuits"
        )
    return (
        f"circuits {start} to {start + len(circuits) - 1} are too large for one chunk ({error}): "
        "lower max_experiments_per_job"
    )
