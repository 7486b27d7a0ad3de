"""Try again what failed, and only that."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from jobset_client.chunk_view import failure
from jobset_client.managed_job import ManagedJob
from jobset_client.stored_set import StoredSet
from jobset_protocol.errors import ConfigurationError, FailureKind, StoreUnavailableError
from jobset_protocol.messages import ChunkRecord
from jobset_protocol.statuses import ChunkStatus

_log = logging.getLogger(__name__)


def retry_chunks(
    stored: StoredSet, kinds: Iterable[FailureKind | str] | None, *, include_cancelled: bool
) -> list[ManagedJob]:
    """Queue chunks again, each as a new attempt; see :meth:`ManagedJobSet.retry`."""
    wanted = frozenset(FailureKind) if kinds is None else read_kinds(kinds)
    stored.forget()
    record = stored.record
    chosen = [
        chunk.key.index
        for chunk in stored.chunk_records()
        if _is_wanted(chunk, wanted, include_cancelled)
    ]
    try:
        queued = stored.store.retry(
            record.set_id, {index: record.source_of(index) for index in chosen}
        )
    finally:
        stored.forget()
    send_again(stored, queued)
    return [stored.managed_job(index) for index in queued]


def read_kinds(kinds: Iterable[FailureKind | str]) -> frozenset[FailureKind]:
    """Return kinds of failures, which may be given by their names.

    Raises:
        ConfigurationError: There is no such kind.

    >>> sorted(read_kinds(["transient", FailureKind.FATAL]))
    [<FailureKind.FATAL: 'fatal'>, <FailureKind.TRANSIENT: 'transient'>]
    """
    known = ", ".join(FailureKind)
    if isinstance(kinds, str) or not isinstance(kinds, Iterable):
        raise ConfigurationError(f"kinds must be a list of kinds of failures ({known})")
    try:
        return frozenset(FailureKind(kind) for kind in kinds)
    except ValueError as error:
        raise ConfigurationError(f"{error}; there are: {known}") from error


def runs(indices: Sequence[int]) -> Iterator[range]:
    """Yield the ranges that sorted indices consist of.

    >>> list(runs([0, 1, 4, 5, 6]))
    [range(0, 2), range(4, 7)]
    """
    start = 0
    for position in range(1, len(indices) + 1):
        if position == len(indices) or indices[position] != indices[position - 1] + 1:
            yield range(indices[start], indices[position - 1] + 1)
            start = position


def _is_wanted(chunk: ChunkRecord, kinds: frozenset[FailureKind], include_cancelled: bool) -> bool:
    error = failure(chunk)
    if chunk.status is ChunkStatus.FAILED and error is not None:
        return error.kind in kinds
    return chunk.status is ChunkStatus.CANCELLED and include_cancelled


def send_again(stored: StoredSet, queued: Sequence[int]) -> None:
    """Send the messages of chunks that are QUEUED again; the watcher would do so later."""
    if stored.sender is None:
        return
    try:
        for indices in runs(sorted(queued)):
            stored.sender.send(stored.record, indices)
    except StoreUnavailableError as error:
        # They are queued in the store, which is what counts.
        _log.warning("the watcher will send the chunks that are tried again: %s", error)
