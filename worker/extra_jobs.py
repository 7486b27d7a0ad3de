"""Jobs that a chunk has at the provider beside the one that counts: told of, and cancelled.

They come from clients that repeat a request by themselves, and from workers whose claim had ended
when the provider answered.
"""

import contextlib
import logging
from collections.abc import Sequence

from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import Claim, JobReference
from jobset_protocol.store.base import Store
from worker.providers.base import RemoteProvider

_log = logging.getLogger(__name__)


def jobs_of(provider: RemoteProvider, claim: Claim) -> list[JobReference]:
    """Return the jobs that carry a claim's tag, the oldest first; none if that cannot be told."""
    if not provider.capabilities.find:
        return []
    try:
        return provider.find(claim.tag)
    except Exception as error:  # noqa: BLE001  (it is asked for more than is needed)
        _log.warning("chunk %s: cannot see whether its job is the only one: %s", claim.key, error)
        return []


def others_than(job: JobReference, jobs: Sequence[JobReference]) -> list[JobReference]:
    """Return the jobs with another id; an adapter may tell the detail of one job in several ways.

    >>> others_than(JobReference("a"), [JobReference("a", "in Osaka"), JobReference("b")])
    [JobReference(job_id='b', detail='')]
    """
    return [each for each in jobs if each.job_id != job.job_id]


def cancel_extra_jobs(
    store: Store, provider: RemoteProvider, claim: Claim, jobs: Sequence[JobReference]
) -> None:
    """Cancel those of these jobs that are not the chunk's own, and write down that they were there.

    Args:
        store: The truth: what the chunk's job is now is read from it.
        provider: Who has the jobs.
        claim: Whose attempt they were made for.
        jobs: Those that are thought to be too many.
    """
    if not jobs:
        return
    # Of a set that was deleted, nobody needs a job, and nothing is kept.
    with contextlib.suppress(JobSetNotFoundError):
        [record] = store.chunks([claim.key])
        jobs = others_than(record.reference, jobs) if record.reference else jobs
    for job in jobs:
        cancelled = _is_cancelled(provider, job)
        outcome = "was cancelled" if cancelled else "could not be cancelled"
        _log.error("chunk %s has an extra job %s, which %s", claim.key, job.job_id, outcome)
        with contextlib.suppress(JobSetNotFoundError):
            store.note_extra_job(claim.key, job, attempt=claim.attempt, cancelled=cancelled)


def _is_cancelled(provider: RemoteProvider, job: JobReference) -> bool:
    try:
        return provider.capabilities.cancel and provider.cancel(job)
    except Exception as error:  # noqa: BLE001  (whatever a provider's client raises)
        _log.warning("job %s could not be cancelled: %s", job.job_id, error)
        return False
