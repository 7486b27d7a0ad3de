"""What ``jobset doctor`` finds among recent job sets: chunks that wait for a person."""

import contextlib
from collections.abc import Iterator, Mapping

from jobset_client.cli.diagnosis import Finding, Level
from jobset_client.cli.text import plural, short_id
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import ChunkKey, ChunkRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store

WORKER_LOST = "WorkerLost"
"""The type of the error of a chunk whose workers vanished."""
_SUBJECT = "job sets"
_MOST_SETS = 1000
_MOST_FAILED_SETS = 20
_MOST_FAILED_CHUNKS = 100
_SHOWN = 5


def check_chunks(store: Store) -> Iterator[Finding]:
    """Look for chunks that are uncertain, and for those that were set aside.

    Looked at are the newest sets and those at work; of the sets with failures, the newest few.
    """
    counts = store.recent_counts(limit=_MOST_SETS)
    uncertain = _having(counts, ChunkStatus.UNCERTAIN)
    for set_id, number in list(uncertain.items())[:_SHOWN]:
        yield _uncertain(set_id, number)
    if len(uncertain) > _SHOWN:
        more = plural(len(uncertain) - _SHOWN, "more job set")
        message = f"there are uncertain chunks in {more}"
        yield Finding(_SUBJECT, Level.WARNING, message, "settle these, and ask again")
    failed = list(_having(counts, ChunkStatus.FAILED))[:_MOST_FAILED_SETS]
    quarantined = [chunk for set_id in failed for chunk in _quarantined(store, set_id)]
    for chunk in quarantined[:_SHOWN]:
        yield _set_aside(chunk)
    if len(quarantined) > _SHOWN:
        more = plural(len(quarantined) - _SHOWN, "more chunk")
        yield Finding(_SUBJECT, Level.WARNING, f"{more} set aside, whose workers vanished")
    if not (uncertain or quarantined):
        yield Finding(_SUBJECT, Level.FINE, "no chunk of a recent one waits for a person")


def _having(counts: Mapping[str, Mapping[ChunkStatus, int]], status: ChunkStatus) -> dict[str, int]:
    return {set_id: found[status] for set_id, found in counts.items() if found.get(status)}


def _uncertain(set_id: str, number: int) -> Finding:
    name = short_id(set_id)
    return Finding(
        _SUBJECT,
        Level.WARNING,
        f"{name} has {plural(number, 'uncertain chunk')}: the provider may or may not have the job",
        f"`jobset show {name}` tells what to look for; then `jobset resolve {name} --job N`, with "
        "--job-id, --resubmit or --give-up",
    )


def _quarantined(store: Store, set_id: str) -> list[ChunkRecord]:
    # It may be deleted meanwhile.
    with contextlib.suppress(JobSetNotFoundError):
        failed = [
            ChunkKey(set_id, index)
            for index, status in enumerate(store.statuses(set_id))
            if status is ChunkStatus.FAILED
        ]
        chunks = store.chunks(failed[:_MOST_FAILED_CHUNKS])
        return [chunk for chunk in chunks if chunk.error and chunk.error.type == WORKER_LOST]
    return []


def _set_aside(chunk: ChunkRecord) -> Finding:
    name = short_id(chunk.key.set_id)
    reason = chunk.error.message if chunk.error else ""
    return Finding(
        _SUBJECT,
        Level.WARNING,
        f"chunk {chunk.key.index} of {name} was set aside: {reason}",
        f"see the workers' logs and memory; `jobset retry {name}` tries it again",
    )
