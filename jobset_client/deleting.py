"""Delete a job set, after its jobs at a provider were cancelled as far as that goes."""

import logging
from collections.abc import Sequence

from jobset_client.chunk_view import job_id
from jobset_client.deadline import Deadline
from jobset_client.waiting import watch
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import ChunkKey, ChunkRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import SetStore

CANCEL_SECONDS = 10.0
"""How long a deletion waits until the watcher has told providers to cancel."""
_SUBMITTED = (
    ChunkStatus.SUBMITTING,
    ChunkStatus.IN_DOUBT,
    ChunkStatus.SUBMITTED,
    ChunkStatus.COLLECTING,
)
_log = logging.getLogger(__name__)


def delete_set(store: SetStore, set_id: str, *, force: bool) -> None:
    """Delete a set with all that belongs to it.

    Args:
        store: Where the set is.
        set_id: The set; one whose deletion was interrupted is deleted to the end.
        force: Also when chunks are not final; what can be cancelled is cancelled before.

    Raises:
        InvalidStateError: Chunks are not final, and ``force`` is false.
        JobSetNotFoundError: No set has this id.
    """
    if force:
        _cancel(store, set_id)
    if not store.delete_set(set_id, force=force):
        raise JobSetNotFoundError(
            f"no job set has the id {set_id!r}; `jobset ls` lists those that exist"
        )


def _cancel(store: SetStore, set_id: str) -> None:
    """Cancel a set, and wait a while for its jobs at a provider: nobody will know of them later."""
    try:
        held = store.cancel_set(set_id)
        left = _at_provider(store, held)
        if left:
            for _ in watch(store, set_id, Deadline.after(CANCEL_SECONDS)):
                left = _at_provider(store, held)
                if not left:
                    return
    except JobSetNotFoundError:
        # Deleted in part, or meanwhile.
        return
    if left:
        jobs = ", ".join(job_id(chunk) for chunk in left[:10])
        more = f" and {len(left) - 10} more" if len(left) > 10 else ""
        _log.warning(
            "job set %s is deleted while its provider may still run jobs %s%s", set_id, jobs, more
        )


def _at_provider(store: SetStore, keys: Sequence[ChunkKey]) -> list[ChunkRecord]:
    return [
        chunk
        for chunk in store.chunks(keys)
        if chunk.status in _SUBMITTED or (chunk.status is ChunkStatus.RUNNING and chunk.reference)
    ]
