"""A watcher's process whose time is compressed: told to, it polls everything again and again.

Each line on its standard input is a number of rounds.  In a round everything in the schedule is
due, and a real watcher attends to it.  It answers with one line: how many chunks it attended to,
and how many messages it has sent to submit.  At the end of its input it watches as any watcher
does.
"""

import sys
import threading
from collections.abc import Sequence

from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.store import RedisStore
from worker import serving
from worker.app import backends, settings
from worker.steps import ServedBackend
from worker.tasks import CeleryDispatcher
from worker.watched import Pace, Watch
from worker.watcher import Watcher


class CountingDispatcher(CeleryDispatcher):
    """Counts the messages that make workers submit."""

    def __init__(self) -> None:
        self.submissions = 0

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """See :meth:`worker.execution.Dispatcher.submit`."""
        self.submissions += len(indices)
        super().submit(job_set, indices)


def watcher_of(
    store: RedisStore, backend: ServedBackend, dispatcher: CountingDispatcher
) -> Watcher:
    """Return a watcher as the product's own process would make it."""
    pace = Pace(settings.lease_seconds, settings.poll_min_seconds, settings.poll_max_seconds)
    return Watcher(Watch(store, backend, dispatcher, pace))


def polled(store: RedisStore, watcher: Watcher, alias: str, rounds: int) -> int:
    """Poll every job in so many rounds; returns how many chunks were attended to."""
    attended = 0
    for _ in range(rounds):
        [set_id] = store.live_sets()
        keys = [ChunkKey(set_id, index) for index in range(store.set_record(set_id).chunk_count)]
        store.reschedule(alias, dict.fromkeys(keys, 0.0))
        attended += watcher.attend()
    return attended


def main() -> None:
    """Poll as told, then watch."""
    store = serving.open_store(settings)
    store.require_epoch()
    served, _ = serving.serve(backends)
    [backend] = served.values()
    dispatcher = CountingDispatcher()
    watcher = watcher_of(store, backend, dispatcher)
    print("ready", flush=True)
    for line in sys.stdin:
        attended = polled(store, watcher, backend.alias, int(line))
        print(attended, dispatcher.submissions, flush=True)
    watcher.run(threading.Event())


if __name__ == "__main__":
    main()
