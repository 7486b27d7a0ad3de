"""Bring a set's circuits into the store and its messages to the broker, batch by batch.

A batch goes off after a hundredth of a second of encoding, so that workers always have chunks
while the client still encodes, and a set of many small chunks costs few round trips.
"""

import logging
import time
from collections.abc import Iterator, Sequence

from qiskit import QuantumCircuit

from jobset_client.chunking import ChunkPlan
from jobset_client.submission import Sender
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.qpy import encode_circuits
from jobset_protocol.errors import (
    CodecError,
    InvalidExperimentsError,
    JobSetError,
    PayloadTooLargeError,
)
from jobset_protocol.messages import SetRecord
from jobset_protocol.store.base import SetStore

BATCH_SECONDS = 0.01
MOST_BATCH_CHUNKS = 512
MOST_BATCH_BYTES = 1_000_000
_log = logging.getLogger(__name__)


def dispatch(
    store: SetStore,
    sender: Sender,
    job_set: SetRecord,
    circuits: Sequence[QuantumCircuit],
    *,
    qpy_version: int,
) -> None:
    """Store a new set and enqueue its chunks.

    The first batch is encoded before anything is stored, and whatever fails later cancels what
    was sent: either the whole set goes its way, or nothing goes on behind the caller's back.

    Args:
        store: Where the set goes.
        sender: What enqueues.
        job_set: The set's description.
        circuits: All of them, in order.
        qpy_version: Highest that the workers read.

    Raises:
        InvalidExperimentsError: A circuit cannot be encoded.
        PayloadTooLargeError: A chunk is too large.
        VersionMismatchError: The workers are too old.
        StoreUnavailableError: Store or broker do not answer.
    """
    plan = ChunkPlan(job_set.circuit_count, job_set.chunk_size)
    names = _encoded_names(circuits)
    batches = _encoded_batches(plan, circuits, qpy_version)
    first_batch = next(batches)
    store.create_set(job_set, names)
    try:
        sent = _send_batch(store, sender, job_set, 0, first_batch)
        for batch in batches:
            sent = _send_batch(store, sender, job_set, sent, batch)
    except BaseException:
        _withdraw(store, job_set)
        raise


def _send_batch(
    store: SetStore, sender: Sender, job_set: SetRecord, first_index: int, batch: Sequence[bytes]
) -> int:
    """Store and enqueue one batch; returns the index of the first chunk behind it."""
    store.add_chunks(job_set.set_id, first_index, batch)
    end = first_index + len(batch)
    sender.send(job_set, range(first_index, end))
    return end


def _encoded_batches(
    plan: ChunkPlan, circuits: Sequence[QuantumCircuit], qpy_version: int
) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    batch_bytes = 0
    goes_at = time.monotonic()
    for chunk in plan:
        payload = _encoded(chunk, circuits[chunk.start : chunk.stop], qpy_version)
        batch.append(payload)
        batch_bytes += len(payload)
        is_full = len(batch) >= MOST_BATCH_CHUNKS or batch_bytes >= MOST_BATCH_BYTES
        if is_full or time.monotonic() >= goes_at:
            yield batch
            batch, batch_bytes = [], 0
            goes_at = time.monotonic() + BATCH_SECONDS
    if batch:
        yield batch


def _encoded_names(circuits: Sequence[QuantumCircuit]) -> bytes:
    try:
        return encode_document([circuit.name for circuit in circuits])
    except CodecError as error:
        raise InvalidExperimentsError(f"a circuit's name cannot be stored: {error}") from error


def _encoded(chunk: range, circuits: Sequence[QuantumCircuit], qpy_version: int) -> bytes:
    try:
        return encode_circuits(circuits, qpy_version=qpy_version, first_index=chunk.start)
    except PayloadTooLargeError as error:
        raise PayloadTooLargeError(
            f"circuits {chunk.start} to {chunk.stop - 1} are too large for one chunk ({error}): "
            "lower max_experiments_per_job"
        ) from error


def _withdraw(store: SetStore, job_set: SetRecord) -> None:
    try:
        store.cancel_set(job_set.set_id)
    except JobSetError as error:
        _log.warning(
            "job set %r (%s) was sent in part and could not be cancelled (%s): what was sent runs; "
            "retrieve it by its id, or cancel it with `jobset cancel %s`",
            job_set.name,
            job_set.set_id,
            error,
            job_set.set_id,
        )
