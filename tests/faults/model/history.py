"""One history: a set, its provider, and what can be done to them."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.statuses import ChunkStatus
from tests.faults.model.fates import FATES, CallerDied, Fate
from tests.faults.model.provider import (
    LONG_SECONDS,
    TROUBLES,
    Kind,
    LocalModelProvider,
    ModelProvider,
    Trouble,
)
from tests.faults.model.view import View, look
from tests.faults.model.world import THE_OTHER, World
from worker.providers.base import LocalProvider, RemoteProvider
from worker.recovery import Recovery
from worker.steps import ServedBackend
from worker.watched import Pace, Watch
from worker.watcher import Watcher

picks = st.integers(0, 50)
fates = st.sampled_from(FATES)
troubles = st.sampled_from(TROUBLES)
_PACE = Pace(lease_seconds=LONG_SECONDS, poll_min_seconds=60.0, poll_max_seconds=60.0)


class History(RuleBasedStateMachine):
    """What all rules share."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.set_id = uuid.uuid4().hex
        self.alias = f"b{self.set_id[:8]}"
        self.store, self.observer = self.world.store, self.world.observer
        self.lifeline, self.messages = self.world.lifeline, self.world.messages
        self.client_lives = True
        self.is_open = self.is_deleted = False
        self.sent = self.circuits = 0
        self.seen: View | None = None
        """What there was after the last step."""
        self.last_event = "0-0"
        self.restarted: set[int] = set()
        """Chunks that may leave a final status in this step."""
        self.without_slot: set[int] = set()
        """Chunks that a person has told the job of, and that take no slot again."""
        self.problems: list[str] = []
        self.messages.waiting.clear()
        self.store.claims.clear()
        self.lifeline.meanwhile = self._act_meanwhile

    def open_backend(self, kind: Kind, max_pending: int | None) -> None:
        """Let the workers and the watchers serve this history's backend."""
        self.provider = ModelProvider(kind, self.lifeline, self._circuits_of)
        remote = cast(RemoteProvider, self.provider)
        adapter: LocalProvider | RemoteProvider = (
            LocalModelProvider(self.provider) if kind is Kind.LOCAL else remote
        )
        self.backend = ServedBackend(self.alias, adapter, max_pending)
        self.world.backends.clear()
        self.world.backends[self.alias] = self.backend
        self.recovery = Recovery(self.store, {self.alias: self.backend}, self.messages)
        self.restart_the_watchers()

    def restart_the_watchers(self) -> None:
        """Let watchers begin anew: nothing that one remembers, such as a pause, may be needed."""
        watch = Watch(self.store, self.backend, self.messages, _PACE)
        self.watcher, self.other_watcher = Watcher(watch), Watcher(watch)

    def _circuits_of(self, tag: str) -> list[str]:
        record = self.observer.set_record(self.set_id)
        return [f"c{index}" for index in record.circuits_of(int(tag.split("-")[2]))]

    # -- reading

    def look(self, after: str = "-") -> View:
        """Read the set as it is."""
        return look(self.observer, self.set_id, self.alias, after=after)

    def at(self, pick: int, *statuses: ChunkStatus) -> ChunkKey | None:
        """Return a chunk in one of these statuses."""
        found = self.look("+").at(*statuses)
        return ChunkKey(self.set_id, found[pick % len(found)]) if found else None

    def is_there(self) -> bool:
        """Whether the set was not deleted."""
        return not self.is_deleted

    def has(self, *statuses: ChunkStatus) -> bool:
        """Whether a chunk had one of these statuses after the last step."""
        return self.seen is not None and bool(self.seen.at(*statuses))

    # -- acting

    @contextlib.contextmanager
    def befallen(self, fate: Fate, trouble: Trouble | None = None) -> Iterator[None]:
        """Act under a fate, and stop where it ends."""
        self.provider.trouble = trouble
        try:
            with contextlib.suppress(CallerDied), self.lifeline.lived(fate):
                yield
        finally:
            self.provider.trouble = None

    def work(self, pick: int, owner: str, *, redelivered: bool = False) -> None:
        """Let a worker take a message and do what it says."""
        message = self.messages.take(pick)
        if message is None:
            return
        kind, key = message
        worker = self.world.workers[owner]
        step = worker.submit_chunk if kind == "submit" else worker.collect_chunk
        try:
            step(key)
        finally:
            if redelivered:
                self.messages.waiting.append(message)

    def let_leases_lapse(self) -> None:
        """Let no claim's holder have extended its lease in time."""
        now = self.look("+")
        self.observer.scripts.run(
            [
                ("HSET", keys.chunk(self.set_id, index), "lease_until", "1")
                for index, fields in enumerate(now.chunks)
                if b"lease_until" in fields
            ]
            or [("PING",)]
        )

    def let_the_client_be_silent(self) -> None:
        """Let so much time pass without a word of the client that a sweep gives it up."""
        self.observer.scripts.run([("HSET", keys.job_set(self.set_id), "touched_at", "1")])

    def attend(self, watcher: Watcher) -> None:
        """Let so much time pass that everything scheduled is due, and a watcher attend to it."""
        due = [ChunkKey.parse(member) for member in self.look("+").due]
        self.observer.reschedule(self.alias, dict.fromkeys(due, -1.0))
        watcher.attend()

    def unless_deleted(self, operation: Callable[[], Any]) -> None:
        """Do what fails, and may fail, only when the set is deleted meanwhile."""
        try:
            operation()
        except JobSetNotFoundError:
            assert self.is_deleted

    def cancel_set(self) -> None:
        """Ask for the set's cancellation."""
        self.store.cancel_set(self.set_id)

    def delete_set(self) -> None:
        """Delete the set, in whatever state it is."""
        self.is_deleted = True
        self.store.delete_set(self.set_id, force=True)

    def _act_meanwhile(self, act: str) -> None:
        if self.is_deleted and act in ("cancel", "delete"):
            return
        try:
            self._acts()[act]()
        except Exception as error:  # noqa: BLE001  (the paused caller would handle it as its own)
            self.problems.append(f"{act} during a pause: {error!r}")

    def _acts(self) -> dict[str, Callable[[], Any]]:
        return {
            "lapse": self.let_leases_lapse,
            "outlast": self._outlast,
            "watch": lambda: self.attend(self.other_watcher),
            "work": lambda: self.work(0, THE_OTHER),
            "sweep": self.recovery.sweep,
            "end": self.provider.end,
            "cancel": self.cancel_set,
            "delete": self.delete_set,
        }

    def _outlast(self) -> None:
        self.lifeline.has_outlasted = True
