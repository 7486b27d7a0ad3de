"""Send the rest of a set whose client ended while it was sending.

Whoever runs the same circuits again under the same idempotency key goes on where the first client
stopped.  Nobody needs to know whether that one is dead: a chunk that is sent twice has the same
circuits both times, is queued once, and its second message finds it taken.
"""

from collections.abc import Iterable, Sequence

from jobset_client.dispatch import batches
from jobset_client.encoding import EncodedChunk
from jobset_client.retrying import runs
from jobset_client.submission import Sender
from jobset_client.workload import Workload
from jobset_protocol.codecs.document import decode_document
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store


def resume(store: Store, sender: Sender, job_set: SetRecord, work: Workload) -> None:
    """Send what was never sent of a set; what was sent stays as it is.

    A set that was cancelled stays so, and one whose size its client never told cannot go on:
    it may have got circuits that this client does not know of.

    Args:
        store: Where the set is.
        sender: What enqueues.
        job_set: The set, as the store describes it.
        work: All its circuits.

    Raises:
        ConfigurationError: There is something to send, and these are other circuits, or are cut
            into other chunks.
    """
    if job_set.cancelled or job_set.ranges is not None or not job_set.sealed:
        return
    missing = _never_sent(store, job_set.set_id, range(_sent_by_client(job_set)))
    if not missing:
        return
    _require_same_circuits(store, job_set, work)
    left = (chunk for chunk in work.chunks if _index(job_set, chunk) in missing)
    for batch in batches(left):
        payloads = {_index(job_set, chunk): chunk.payload for chunk in batch}
        for indices in runs(sorted(payloads)):
            store.add_chunks(job_set.set_id, indices.start, [payloads[i] for i in indices])
            # The watcher may just have given them up: only now are their circuits there.
            given_up = _never_sent(store, job_set.set_id, indices)
            if given_up:
                store.retry(job_set.set_id, {index: index for index in given_up})
            sender.send(job_set, indices)


def _sent_by_client(job_set: SetRecord) -> int:
    return job_set.chunk_count - len(job_set.parts)


def _index(job_set: SetRecord, chunk: EncodedChunk) -> int:
    return chunk.circuits.start // job_set.chunk_size


def _never_sent(store: Store, set_id: str, indices: range) -> set[int]:
    """Return the chunks whose circuits are to come, or were given up before they came."""
    statuses = store.statuses(set_id)
    failed = [ChunkKey(set_id, i) for i in indices if statuses[i] is ChunkStatus.FAILED]
    unsent = {index for index in indices if statuses[index] is ChunkStatus.UNSENT}
    # Whatever else fails was claimed before, which raised its fence.
    return unsent | {chunk.key.index for chunk in store.chunks(failed) if chunk.fence == 0}


def _require_same_circuits(store: Store, job_set: SetRecord, work: Workload) -> None:
    if work.names is None:
        raise _refusal(job_set, "give them as a list again, as they were at first")
    if work.chunk_size != job_set.chunk_size:
        raise _refusal(
            job_set,
            f"its chunks hold {job_set.chunk_size} circuits, and these would hold "
            f"{work.chunk_size}: give max_experiments_per_job={job_set.chunk_size}",
        )
    index = _first_difference(_names(store, job_set), work.names)
    if index is not None:
        raise _refusal(
            job_set,
            f"circuit {index} has another name now ({work.names[index]!r}): give the same "
            "circuits, with names of their own, or use another key for another run",
        )


def _names(store: Store, job_set: SetRecord) -> list[str]:
    return [name for blob in store.names(job_set.set_id) for name in decode_document(blob)]


def _first_difference(before: Iterable[str], now: Sequence[str]) -> int | None:
    pairs = enumerate(zip(before, now, strict=True))
    return next((index for index, (old, new) in pairs if old != new), None)


def _refusal(job_set: SetRecord, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"the client of job set {job_set.set_id} ended before it had sent all circuits, and the "
        f"rest cannot be sent under the idempotency key {job_set.idempotency_key!r}: {reason}"
    )
