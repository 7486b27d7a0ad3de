"""What people are told where the provider's side needs their eyes: uncertain chunks, extra jobs."""

from jobset_protocol.messages import ChunkRecord, ExtraJob
from jobset_protocol.statuses import ChunkStatus


def advice_lines(chunk: ChunkRecord) -> list[str]:
    """Say what to do about a chunk that is uncertain; nothing about others."""
    if chunk.status is not ChunkStatus.UNCERTAIN:
        return []
    index = chunk.key.index
    return [
        f"{search_line(chunk)}, then call",
        f"  resolve({index}, job_id=...) if it is there: its result is collected",
        f"  resolve({index}, resubmit=True) if it is not: the circuits are submitted again",
        f"  resolve({index}, give_up=True) to leave it: it counts as failed",
    ]


def search_line(chunk: ChunkRecord) -> str:
    """Say where to look for an uncertain chunk's job."""
    return f"Look for a job with the tag {chunk.tag} in the provider's own list of jobs"


def extra_job_lines(chunk: ChunkRecord) -> list[str]:
    """Say which jobs the provider has, or had, beside a chunk's own."""
    return [_extra_job_line(chunk, job) for job in chunk.extra_jobs]


def _extra_job_line(chunk: ChunkRecord, job: ExtraJob) -> str:
    if chunk.status is ChunkStatus.UNCERTAIN and not job.cancelled:
        job_id = job.reference.job_id
        return f"job {job_id} came late: resolve({chunk.key.index}, job_id={job_id!r}) takes it"
    outcome = "cancelled" if job.cancelled else "could not be cancelled"
    return (
        f"job {job.reference.job_id} was made beside it (attempt {job.attempt}) and {outcome}: "
        "see the provider's bill"
    )
