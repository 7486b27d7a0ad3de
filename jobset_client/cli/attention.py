"""What ``jobset show`` says below its table: chunks and jobs that need a person's eyes."""

from collections.abc import Iterator, Sequence

from jobset_client.cli.text import plural, safe, short_id
from jobset_client.uncertainty import extra_job_lines, search_line
from jobset_protocol.messages import ChunkRecord
from jobset_protocol.statuses import ChunkStatus


def attention_lines(chunks: Sequence[ChunkRecord], *, limit: int | None) -> Iterator[str]:
    """Say what to do about uncertain chunks, and which jobs were too many.

    Args:
        chunks: Those of one set.
        limit: Most chunks of either kind; ``None`` for all.
    """
    uncertain = [chunk for chunk in chunks if chunk.status is ChunkStatus.UNCERTAIN]
    yield from _uncertain(uncertain, limit)
    crowded = [chunk for chunk in chunks if chunk.extra_jobs]
    if crowded:
        yield ""
    for chunk in crowded[:limit]:
        for line in extra_job_lines(chunk):
            yield safe(f"Chunk {chunk.key.index}: {line}.")
    yield from _left_out(crowded, limit)


def _uncertain(chunks: Sequence[ChunkRecord], limit: int | None) -> Iterator[str]:
    if not chunks:
        return
    yield ""
    for chunk in chunks[:limit]:
        yield safe(f"Chunk {chunk.key.index} is uncertain.  {search_line(chunk)}.")
    yield from _left_out(chunks, limit)
    command = f"jobset resolve {short_id(chunks[0].key.set_id)} --job {chunks[0].key.index}"
    yield f"  {command} --job-id JOB   if it is there: its result is collected"
    yield f"  {command} --resubmit     if it is not: the circuits are submitted again"
    yield f"  {command} --give-up      to leave it: it counts as failed"


def _left_out(chunks: Sequence[ChunkRecord], limit: int | None) -> Iterator[str]:
    if limit is not None and len(chunks) > limit:
        yield f"… and {plural(len(chunks) - limit, 'chunk')} more: `jobset show --all` lists all."
