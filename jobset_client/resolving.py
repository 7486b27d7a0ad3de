"""Settle what nobody but a person can: chunks whose job the provider may or may not have."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from jobset_client import validation
from jobset_client.chunk_view import failure
from jobset_client.managed_job import ManagedJob
from jobset_client.retrying import send_again
from jobset_client.stored_set import StoredSet
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.messages import ChunkRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Resolution

_GIVEN_UP = "it was given up: whether the provider has the job was not found out"


def resolve_chunks(
    stored: StoredSet,
    job: int | ManagedJob | None,
    *,
    job_id: str | None,
    resubmit: bool,
    give_up: bool,
) -> list[ManagedJob]:
    """Settle uncertain chunks; see :meth:`ManagedJobSet.resolve`."""
    if sum((job_id is not None, bool(resubmit), bool(give_up))) != 1:
        raise ConfigurationError(
            "say what became of the job, one of three: job_id=..., which is the provider's id of "
            "it; resubmit=True, there is none; give_up=True"
        )
    stored.forget()
    chunks = stored.chunk_records()
    chosen = _chosen(stored, chunks, job)
    settle: Callable[[ChunkRecord], Resolution] = _give_up if give_up else _resubmit
    if job_id is not None:
        settle = _attaching(chunks, _only(chunks, chosen, job), job_id)
    resolutions = [settle(chunk) for chunk in chosen]
    try:
        stored.store.resolve(stored.record, resolutions)
    finally:
        stored.forget()
    if resubmit:
        send_again(stored, [chunk.key.index for chunk in chosen])
    return [stored.managed_job(chunk.key.index) for chunk in chosen]


def _chosen(
    stored: StoredSet, chunks: Sequence[ChunkRecord], job: int | ManagedJob | None
) -> list[ChunkRecord]:
    """Return the chunks that are meant: one, or all that are uncertain."""
    if job is None:
        return _uncertain(chunks)
    name = stored.record.name
    if isinstance(job, ManagedJob):
        if job.view.key.set_id != stored.set_id:
            raise ConfigurationError(f"{job!r} is not a job of job set {name!r}")
        job = job.view.key.index
    if isinstance(job, bool) or not isinstance(job, int):
        raise ConfigurationError(f"job must be a job's index or a ManagedJob, not {job!r}")
    chosen = [chunk for chunk in chunks if chunk.key.index == job]
    if not chosen:
        raise ConfigurationError(f"job set {name!r} has no job {job}: its report shows each index")
    return chosen


def _uncertain(chunks: Sequence[ChunkRecord]) -> list[ChunkRecord]:
    return [chunk for chunk in chunks if chunk.status is ChunkStatus.UNCERTAIN]


def _only(
    chunks: Sequence[ChunkRecord], chosen: Sequence[ChunkRecord], job: int | ManagedJob | None
) -> ChunkRecord:
    if job is None:
        indices = ", ".join(str(chunk.key.index) for chunk in _uncertain(chunks)[:10]) or "none"
        raise ConfigurationError(
            "job_id is that of one job: say which, such as resolve(0, job_id=...); uncertain are: "
            f"{indices}"
        )
    return chosen[0]


def _attaching(
    chunks: Sequence[ChunkRecord], chosen: ChunkRecord, job_id: str
) -> Callable[[ChunkRecord], Resolution]:
    """Return what attaches a chunk to a job of the provider.

    Raises:
        ConfigurationError: The id is malformed, or it is that of another chunk's job.
    """
    validation.label("job_id", job_id)
    for chunk in chunks:
        if chunk.key != chosen.key and job_id in {known.job_id for known in _references(chunk)}:
            raise ConfigurationError(
                f"job {job_id} is that of chunk {chunk.key.index}, and runs its circuits: give the "
                f"id of the job that carries the tag {chosen.tag}"
            )
    # What an adapter needs beside the id is known if the job is.
    known = {reference.job_id: reference for reference in _references(chosen)}
    reference = known.get(job_id, JobReference(job_id))
    return lambda chunk: Resolution(chunk.key.index, ChunkStatus.SUBMITTED, reference)


def _references(chunk: ChunkRecord) -> list[JobReference]:
    """Return all jobs that are known to have run a chunk's circuits."""
    found = [job.reference for job in chunk.extra_jobs]
    found += [past.reference for past in chunk.history if past.reference is not None]
    return found if chunk.reference is None else [*found, chunk.reference]


def _resubmit(chunk: ChunkRecord) -> Resolution:
    return Resolution(chunk.key.index, ChunkStatus.QUEUED)


def _give_up(chunk: ChunkRecord) -> Resolution:
    error = failure(chunk)
    noted = error and replace(error, message=f"{error.message}\n{_GIVEN_UP}")
    return Resolution(chunk.key.index, ChunkStatus.FAILED, error=noted)
