"""Bring a set's chunks into the store and its messages to the broker, batch by batch.

A batch goes off after a hundredth of a second of encoding, so that workers always have chunks
while the client still encodes, and a set of many small chunks costs few round trips.  Where these
take longer, it is as long as the one before took to send, up to half a second.

The first batch is encoded before anything is stored, and whatever fails later cancels what was
sent: either the whole set goes its way, or nothing goes on behind the caller's back.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from jobset_client.encoding import EncodedChunk
from jobset_client.idempotency import create_set
from jobset_client.submission import Sender
from jobset_client.workload import Workload
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.errors import ConfigurationError, InvalidExperimentsError, JobSetError
from jobset_protocol.messages import MAX_CHUNKS, ErrorRecord, SetRecord
from jobset_protocol.store.base import SetStore, Store

BATCH_SECONDS = 0.01
MOST_BATCH_SECONDS = 0.5
MOST_BATCH_CHUNKS = 512
MOST_BATCH_BYTES = 1_000_000
_GIVEN_UP = ErrorRecord("ClientGaveUp", "the client gave up before it had sent these circuits")
_log = logging.getLogger(__name__)


def dispatch(store: Store, sender: Sender, job_set: SetRecord, work: Workload) -> Sequence[str]:
    """Store a new set and enqueue its chunks.

    Args:
        store: Where the set goes.
        sender: What enqueues.
        job_set: The set's description, without its circuits.
        work: Its circuits.

    Returns:
        The circuits' names.

    Raises:
        InvalidExperimentsError: There is no circuit, or one cannot be encoded.
        PayloadTooLargeError: A chunk is too large.
        VersionMismatchError: The workers are too old.
        InvalidStateError: The set was cancelled, deleted, or given up, while it was sent.
        StoreUnavailableError: Store or broker do not answer.
    """
    if work.names is None:
        return dispatch_open(store, sender, job_set, work.chunks)
    planned = replace(
        job_set, circuit_count=len(work.names), chunk_size=work.chunk_size, sealed=True
    )
    dispatch_planned(store, sender, planned, work.chunks, names=work.names)
    return work.names


def dispatch_planned(
    store: Store,
    sender: Sender,
    job_set: SetRecord,
    chunks: Iterable[EncodedChunk],
    *,
    names: Sequence[str],
) -> None:
    """Store and enqueue a set whose chunks are all known, and all but the last of one size."""
    rest = batches(chunks)
    first_batch = next(rest)
    create_set(store, job_set, encode_document(list(names)))
    try:
        index = 0
        for batch in chain([first_batch], rest):
            store.add_chunks(job_set.set_id, index, [chunk.payload for chunk in batch])
            sender.send(job_set, range(index, index + len(batch)))
            index += len(batch)
    except BaseException:
        _withdraw(store, job_set)
        raise


def dispatch_open(
    store: Store, sender: Sender, job_set: SetRecord, chunks: Iterable[EncodedChunk]
) -> list[str]:
    """Store and enqueue a set chunk by chunk, of any sizes, as far as they come; then seal it.

    For lists of circuits whose boundaries are given, pass ``ChunkEncoder(spec).whole(lists)``:
    each list becomes one chunk.  A source that is silent for ten minutes loses its set: the
    watcher then takes the client for dead.

    Returns:
        The circuits' names.
    """
    job_set = replace(job_set, circuit_count=0, sealed=False)
    rest = batches(chunks)
    first_batch = next(rest, None)
    if first_batch is None:
        raise InvalidExperimentsError("there is nothing to run: no circuit came")
    names: list[str] = []
    create_set(store, job_set, b"")
    try:
        index = 0
        for batch in chain([first_batch], rest):
            index = _append(store, sender, job_set, index, batch)
            names += _names(batch)
        store.seal_set(job_set.set_id)
    except BaseException:
        _withdraw(store, job_set)
        raise
    return names


def _append(
    store: SetStore, sender: Sender, job_set: SetRecord, index: int, batch: Sequence[EncodedChunk]
) -> int:
    """Store and enqueue one batch of an open set; returns the index behind its last chunk."""
    if index + len(batch) > MAX_CHUNKS:
        raise ConfigurationError(
            f"a job set holds at most {MAX_CHUNKS} chunks, and more came: raise "
            "max_experiments_per_job"
        )
    index = store.grow_set(
        job_set.set_id,
        index,
        [chunk.payload for chunk in batch],
        sizes=[len(chunk.circuits) for chunk in batch],
        names=encode_document(_names(batch)),
    )
    sender.send(job_set, range(index, index + len(batch)))
    return index + len(batch)


def batches(chunks: Iterable[EncodedChunk]) -> Iterator[list[EncodedChunk]]:
    """Yield chunks as they come, as many together as go off at a time."""
    batch: list[EncodedChunk] = []
    batch_bytes = 0
    goes_at = time.monotonic()
    for chunk in chunks:
        batch.append(chunk)
        batch_bytes += len(chunk.payload)
        is_full = len(batch) >= MOST_BATCH_CHUNKS or batch_bytes >= MOST_BATCH_BYTES
        if is_full or time.monotonic() >= goes_at:
            sent_from = time.monotonic()
            yield batch
            batch, batch_bytes = [], 0
            now = time.monotonic()
            goes_at = now + min(max(now - sent_from, BATCH_SECONDS), MOST_BATCH_SECONDS)
    if batch:
        yield batch


def _names(batch: Sequence[EncodedChunk]) -> list[str]:
    return [name for chunk in batch for name in chunk.names]


def _withdraw(store: Store, job_set: SetRecord) -> None:
    try:
        store.cancel_set(job_set.set_id)
        if not job_set.sealed:
            # Sealed, it would pass for whole, and for a success if its chunks are done by now.
            store.fail_unsent(job_set.set_id, _GIVEN_UP, idle_seconds=0)
    except JobSetError as error:
        _log.warning(
            "job set %r (%s) was sent in part and could not be cancelled (%s): what was sent runs; "
            "retrieve it by its id, or cancel it with `jobset cancel %s`",
            job_set.name,
            job_set.set_id,
            error,
            job_set.set_id,
        )
