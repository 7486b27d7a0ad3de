"""Send a worker's task events a few times a second, in bulk.

Celery flushes after every event: at hundreds of short tasks a second that is half of the
worker's main process.  Dashboards need no event sooner than this.
"""

from typing import Any

from celery import bootsteps

FLUSH_SECONDS = 0.2
MOST_EVENTS = 500
"""In one message; about 300 kB."""


class EventsInBulk(bootsteps.StartStopStep):
    """Replaces the consumer's flush at every event by one a period; added to ``app.steps``."""

    requires = ("celery.worker.consumer.events:Events",)

    def start(self, parent: Any) -> None:
        """Take over after each (re)connection, which makes a new dispatcher."""
        dispatcher, hub = parent.event_dispatcher, parent.hub
        if dispatcher is None or hub is None:
            return
        pending = False

        def flush() -> None:
            nonlocal pending
            pending = False
            if parent.event_dispatcher is dispatcher:
                dispatcher.flush()

        def flush_later() -> None:
            nonlocal pending
            if not pending:
                pending = True
                hub.call_later(FLUSH_SECONDS, flush)

        dispatcher.on_send_buffered = flush_later
        dispatcher.buffer_limit = MOST_EVENTS
