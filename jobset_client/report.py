"""The text of reports, laid out as the original did.

Names and a provider's messages come from anywhere: control characters are replaced visibly.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from qiskit.providers import JobStatus

from jobset_client.chunk_job import job_name
from jobset_client.chunk_view import failure, job_id, submit_failure
from jobset_client.printable import safe
from jobset_client.uncertainty import advice_lines, extra_job_lines
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus

_PENDING = (JobStatus.INITIALIZING, JobStatus.VALIDATING, JobStatus.QUEUED)


def set_report(
    job_set: SetRecord,
    counts: Mapping[ChunkStatus, int],
    chunks: Sequence[ChunkRecord] | None,
) -> str:
    """Describe one set.

    Args:
        job_set: The set.
        counts: Status → chunks.
        chunks: Every chunk, for a detailed report; ``None`` for a summary.
    """
    lines = [
        f"Job set name: {job_set.name}",
        f"          ID: {job_set.set_id}",
        f"        tags: {list(job_set.tags)}",
        "Summary report:",
        *summary_lines(counts),
    ]
    if chunks is not None:
        lines += ["", "Detail report:", *detail_lines(job_set, chunks)]
    return _text(lines)


def manager_report(
    counts: Mapping[ChunkStatus, int],
    details: Sequence[tuple[SetRecord, Sequence[ChunkRecord]]] | None,
    gone: Mapping[str, str],
) -> str:
    """Describe all sets of a manager.

    Args:
        counts: Status → chunks, over all sets.
        details: Each set with its chunks, for a detailed report; ``None`` for a summary.
        gone: Id → name of the sets that the store has no more.
    """
    lines = ["Summary report:", *summary_lines(counts)]
    if details is not None:
        lines += ["", "Detail report:"]
        for job_set, chunks in details:
            lines.append(f"  Job set name: {job_set.name}, ID: {job_set.set_id}")
            lines += detail_lines(job_set, chunks)
    if gone:
        lines += ["", "Gone from the store:"]
        lines += [f"  Job set name: {name}, ID: {set_id}" for set_id, name in gone.items()]
    return _text(lines)


def summary_lines(counts: Mapping[ChunkStatus, int]) -> list[str]:
    """Count jobs by what became of them.

    >>> for line in summary_lines({ChunkStatus.DONE: 3, ChunkStatus.QUEUED: 1}):
    ...     print(line)
           Total jobs: 4
      Successful jobs: 3
          Failed jobs: 0
       Cancelled jobs: 0
         Running jobs: 0
         Pending jobs: 1
    """
    jobs: Counter[JobStatus] = Counter()
    for status, count in counts.items():
        jobs[status.job_status] += count
    return [
        f"       Total jobs: {jobs.total()}",
        f"  Successful jobs: {jobs[JobStatus.DONE]}",
        f"      Failed jobs: {jobs[JobStatus.ERROR]}",
        f"   Cancelled jobs: {jobs[JobStatus.CANCELLED]}",
        f"     Running jobs: {jobs[JobStatus.RUNNING]}",
        f"     Pending jobs: {sum(jobs[status] for status in _PENDING)}",
    ]


def detail_lines(job_set: SetRecord, chunks: Sequence[ChunkRecord]) -> list[str]:
    """Describe every chunk's job, and those that were made beside it."""
    lines = []
    for chunk in chunks:
        lines += _job_lines(job_set, chunk)
        extra = extra_job_lines(chunk)
        if extra:
            lines += ["    extra jobs:", *(f"      {line}" for line in extra)]
    return lines


def _job_lines(job_set: SetRecord, chunk: ChunkRecord) -> list[str]:
    circuits = job_set.circuits_of(chunk.key.index)
    lines = [
        f"  experiments: {circuits.start}-{circuits.stop - 1}",
        f"    job index: {chunk.key.index}",
    ]
    submit_error = submit_failure(chunk)
    if submit_error is not None:
        return [*lines, f"    status: job submit failed: {submit_error.message}"]
    if chunk.status is ChunkStatus.UNSENT:
        return [*lines, f"    status: {chunk.status.job_status.value}"]
    lines += [
        f"    job ID: {job_id(chunk)}",
        f"    name: {job_name(job_set.name, chunk.key.index)}",
        f"    status: {chunk.status.job_status.value}",
    ]
    error = failure(chunk)
    if error is not None:
        lines.append("    error_message:")
        lines += [f"      {line}" for line in error.message.split("\n") + advice_lines(chunk)]
    elif chunk.status.job_status is JobStatus.QUEUED:
        lines.append(f"    queue position: {chunk.queue_position}")
    return lines


def error_report(job_set: SetRecord, chunks: Sequence[ChunkRecord]) -> str | None:
    """Name the chunks that failed, the kind of failure and why, and jobs that were too many.

    Returns:
        ``None`` when all is there, and nothing was too much.
    """
    lines: list[str] = []
    for chunk in chunks:
        error = failure(chunk)
        extra = extra_job_lines(chunk)
        if error is None and not extra:
            continue
        circuits = job_set.circuits_of(chunk.key.index)
        job = "not submitted" if submit_failure(chunk) else f"job ID={job_id(chunk)}"
        which = f"Experiments {circuits.start}-{circuits.stop - 1}, job index={chunk.key.index}"
        lines.append(f"{which}, {job}, {error.kind if error else chunk.status}:")
        reason = error.message.split("\n") if error else []
        lines += [f"  {line}" for line in [*reason, *advice_lines(chunk), *extra]]
    if job_set.abandoned:
        lines.append(
            f"Experiments from {job_set.circuit_count} on were never sent: the client ended, or "
            "gave up, while it was sending"
        )
    return _text(lines) or None


def _text(lines: Sequence[str]) -> str:
    """Join lines, some of which hold line breaks, into text that cannot steer a terminal."""
    whole = "\n".join(lines).replace("\r\n", "\n")
    return "\n".join(safe(line.expandtabs()) for line in whole.split("\n"))
