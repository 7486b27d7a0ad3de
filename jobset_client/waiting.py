"""The one place that waits: a blocking read of a set's event stream.

A set may finish hundreds of chunks a second.  The client then reads events in handfuls, so that
waiting takes no processor time from workers beside it: after a wake with chunks left, the next
read is put off by a fifth of the time that seems to be left, 50 ms at most.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from jobset_client.deadline import Deadline
from jobset_protocol.errors import StoreUnavailableError
from jobset_protocol.messages import Event
from jobset_protocol.statuses import FINAL
from jobset_protocol.store.base import SetStore

STORE_AWAY_SECONDS = 60.0
"""How long a waiting call rides out a store that does not answer."""
_RECOUNT_SECONDS = 10.0
_MOST_DELAY_SECONDS = 0.05
_DELAY_SHARE = 0.2
_FIRST_BACKOFF_SECONDS = 0.1
_MOST_BACKOFF_SECONDS = 2.0

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Patience:
    """Repeats reads while the store is away: a restart of it must not end a long wait.

    Args:
        deadline: Of the whole call.
        away_seconds: Longest absence that is ridden out.
    """

    def __init__(self, deadline: Deadline, away_seconds: float = STORE_AWAY_SECONDS) -> None:
        self._deadline = deadline
        self._away_seconds = away_seconds
        self._warned = False

    def call(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``read`` returns, called again while the store does not answer.

        Raises:
            StoreUnavailableError: It stayed away too long, or until the deadline.
        """
        gives_up_at = time.monotonic() + self._away_seconds
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        while True:
            try:
                return read(*args, **kwargs)
            except StoreUnavailableError as error:
                if self._deadline.passed or time.monotonic() >= gives_up_at:
                    raise
                if not self._warned:
                    self._warned = True
                    _log.warning("still waiting, though the store is away: %s", error)
            time.sleep(min(backoff_seconds, self._deadline.remaining_seconds))
            backoff_seconds = min(2 * backoff_seconds, _MOST_BACKOFF_SECONDS)


def watch(store: SetStore, set_id: str, deadline: Deadline) -> Iterator[int]:
    """Yield how many chunks are not final: now, and whenever that may have changed.

    The last number is 0, or the deadline has passed.

    Raises:
        StoreUnavailableError: The store stayed away too long.
    """
    patience = Patience(deadline)
    started = time.monotonic()
    # The event id first: what happens between the two reads is then seen twice, not missed.
    after = patience.call(store.last_event_id, set_id)
    at_first = unfinished = patience.call(_unfinished, store, set_id)
    yield unfinished
    while unfinished and not deadline.passed:
        events = patience.call(_next_events, store, set_id, after, deadline)
        if events:
            after, unfinished = events[-1].event_id, events[-1].unfinished
        else:
            # A server restored from an older copy may have lost the events waited for.
            unfinished = patience.call(_unfinished, store, set_id)
        yield unfinished
        if unfinished > 1:
            delay_seconds = _delay_seconds(time.monotonic() - started, at_first, unfinished)
            time.sleep(min(delay_seconds, deadline.remaining_seconds))


def _delay_seconds(waited_seconds: float, at_first: int, unfinished: int) -> float:
    """Return how long to leave events unread: a share of the time that seems to be left.

    >>> round(_delay_seconds(1.0, at_first=100, unfinished=90), 3)
    0.05
    >>> round(_delay_seconds(1.0, at_first=100, unfinished=2), 3)
    0.004
    """
    ended = max(1, at_first - unfinished)
    return min(_MOST_DELAY_SECONDS, _DELAY_SHARE * waited_seconds * unfinished / ended)


def _next_events(store: SetStore, set_id: str, after: str, deadline: Deadline) -> list[Event]:
    # Counted here, not by the caller: a repeated read must not block past the deadline.
    timeout_seconds = min(_RECOUNT_SECONDS, deadline.remaining_seconds)
    return store.wait(set_id, after=after, timeout_seconds=timeout_seconds)


def _unfinished(store: SetStore, set_id: str) -> int:
    counts = store.counts(set_id)
    return sum(count for status, count in counts.items() if status not in FINAL)
