"""Show a set's progress until it ends: a live bar in a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterable, Iterator, Mapping

from jobset_client.chunk_view import failure
from jobset_client.cli.errors import CommandFailed, ExitCode
from jobset_client.cli.outcome import Outcome
from jobset_client.cli.output import say, stderr
from jobset_client.cli.text import plural, safe, short_id, shortened
from jobset_client.deadline import Deadline
from jobset_client.layout import ChunkLayout
from jobset_client.progress import show_progress, status_text
from jobset_client.waiting import Patience, watch
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.messages import SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store

_LINE_SECONDS = 2.0
_REASONS = 3
_REASON_CHARACTERS = 300


def follow(store: Store, record: SetRecord, *, timeout: float | None = None) -> Outcome:
    """Show progress until the set ends; returns how it ended.

    Args:
        store: Where the set is.
        record: The set.
        timeout: Seconds to wait at most.

    Raises:
        JobSetTimeoutError: The time is up; the set goes on.
        CommandFailed: Interrupted; the set goes on.
    """
    deadline = Deadline.after(timeout)
    last: dict[ChunkStatus, int] = {}
    try:
        console = stderr()
        updates = _remembered(_counts(store, record, deadline), last)
        if console.is_terminal:
            show_progress(safe(record.name), record.chunk_size, updates, console=console)
        else:
            _print_lines(updates)
    except KeyboardInterrupt as error:
        raise CommandFailed(_goes_on("Interrupted", record), ExitCode.INTERRUPTED) from error
    outcome = Outcome.of(last)
    if not outcome.is_final:
        raise JobSetTimeoutError(_goes_on(f"Not at its end after {timeout:g} s", record))
    return outcome


def say_reasons(store: Store, record: SetRecord) -> None:
    """Write why chunks failed, of the first few that did."""
    # Read again: chunks may have been halved since.
    record = store.set_record(record.set_id)
    chunks = store.chunks(ChunkLayout(record).keys)
    failures = [(chunk, error) for chunk in chunks if (error := failure(chunk))]
    for chunk, error in failures[:_REASONS]:
        circuits = record.circuits_of(chunk.key.index)
        reason = shortened(safe(error.message), _REASON_CHARACTERS)
        say(f"  circuits {circuits.start} to {circuits.stop - 1}: {reason}")
    if len(failures) > _REASONS:
        say(f"  … and {plural(len(failures) - _REASONS, 'chunk')} more")


def _counts(
    store: Store, record: SetRecord, deadline: Deadline
) -> Iterator[dict[ChunkStatus, int]]:
    patience = Patience(deadline)
    for _ in watch(store, record.set_id, deadline):
        yield patience.call(store.counts, record.set_id)


def _remembered(
    updates: Iterable[dict[ChunkStatus, int]], last: dict[ChunkStatus, int]
) -> Iterator[dict[ChunkStatus, int]]:
    """Pass updates on, leaving the newest in ``last``."""
    for counts in updates:
        last.clear()
        last.update(counts)
        yield counts


def _print_lines(updates: Iterable[Mapping[ChunkStatus, int]]) -> None:
    next_line_at = 0.0
    printed = ""
    for counts in updates:
        outcome = Outcome.of(counts)
        line = f"{outcome.ended} of {outcome.chunks} chunks: {status_text(counts)}"
        if line != printed and (outcome.is_final or time.monotonic() >= next_line_at):
            say(line)
            printed, next_line_at = line, time.monotonic() + _LINE_SECONDS


def _goes_on(why: str, record: SetRecord) -> str:
    name = short_id(record.set_id)
    return (
        f"{why}; the job set goes on whenever its workers run.  `jobset watch {name}` follows it, "
        f"`jobset cancel {name}` stops it."
    )
