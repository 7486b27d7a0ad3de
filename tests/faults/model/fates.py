"""What befalls a caller between any two of its commands: death, a pause, replies that are lost."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

Command = tuple[Any, ...]
CHECKED = frozenset({"intend", "extend"})
"""Scripts that refuse a stale claim right before the provider is called."""


class CallerDied(BaseException):
    """The caller ended in the middle of a call; no handler of errors is run by a dead process."""


class Blow(Enum):
    """What befalls a caller."""

    NONE = "none"
    DEATH = "death"
    PAUSE = "pause"
    RESENT = "resent"
    """Every reply is lost once, and its commands are sent again."""


@dataclass(frozen=True)
class Fate:
    """What befalls a caller, and when.

    Args:
        blow: What.
        after: So many commands have gone out by then, to the store, the provider or the broker.
        skips_store: Those to the store do not count, so that it is struck close to the provider.
        meanwhile: What others do during a pause, in the history's words.
    """

    blow: Blow = Blow.NONE
    after: int = 0
    meanwhile: tuple[str, ...] = ()
    skips_store: bool = False


WELL = Fate()
_MOST_COMMANDS = 16
_MEANWHILE = (
    ("lapse", "watch", "work"),
    ("lapse", "watch", "watch", "work", "work"),
    ("lapse", "outlast", "watch", "watch", "work"),
    ("lapse", "outlast", "watch", "watch", "cancel", "watch"),
    ("lapse", "watch", "sweep", "sweep"),
    ("work", "work"),
    ("end", "watch", "work"),
    ("cancel", "watch"),
    ("cancel", "sweep"),
    ("sweep", "sweep", "work"),
    ("delete",),
)
# The first is what hypothesis shrinks to; about half of all calls go well.
FATES = (
    *[WELL] * 150,
    *[Fate(Blow.RESENT)] * 20,
    *[Fate(Blow.DEATH, after) for after in range(_MOST_COMMANDS)] * 2,
    *[Fate(Blow.DEATH, after, skips_store=True) for after in range(3)] * 20,
    *[Fate(Blow.PAUSE, after, acts) for after in range(_MOST_COMMANDS) for acts in _MEANWHILE],
    *[Fate(Blow.PAUSE, after, acts, True) for after in range(2) for acts in _MEANWHILE] * 4,
)


class Lifeline:
    """Counts the commands of whoever acts now, and strikes between two of them."""

    def __init__(self) -> None:
        self.deaths = 0
        self.meanwhile: Callable[[str], None] = lambda _: None
        self.is_paused = False
        self.has_outlasted = False
        """The pause is longer than the grace that is given to an unknown outcome."""
        self.is_late = False
        """Whoever acts has outlasted the grace, and no fence was checked since."""
        self._fate = WELL
        self._left = 0
        self._is_dead = False

    @contextmanager
    def lived(self, fate: Fate) -> Iterator[None]:
        """Let a caller act under a fate; others may act so during its pause.

        Raises:
            CallerDied: It did.
        """
        before = (self._fate, self._left, self._is_dead, self.is_late)
        self._fate, self._left, self._is_dead, self.is_late = fate, fate.after, False, False
        try:
            yield
        finally:
            self._fate, self._left, self._is_dead, self.is_late = before

    def reach(self) -> None:
        """Come to a single command that is no command of the store."""
        for _ in self._parts([()]):
            pass

    def send(
        self, commands: Sequence[Command], run: Callable[[Sequence[Command]], list[Any]]
    ) -> list[Any]:
        """Send commands to the store, in as many parts as the fate cuts them into."""
        replies: list[Any] = []
        for part in self._parts(commands):
            if self._fate.blow is Blow.RESENT:
                run(part)
            replies += run(part)
            if any(command[0] == "SCRIPT" and command[1] in CHECKED for command in part):
                self.is_late = False
        return replies

    def _parts(self, commands: Sequence[Command]) -> Iterator[Sequence[Command]]:
        if self._is_dead:
            raise CallerDied
        # A single command that is not the store's is an empty one.
        number = 0 if self._fate.skips_store and any(commands) else len(commands)
        if self._fate.blow not in (Blow.DEATH, Blow.PAUSE) or self._left >= number:
            self._left -= number
            yield commands
            return
        first, rest = commands[: self._left], commands[self._left :]
        if first:
            yield first
        self._strike()
        yield rest

    def _strike(self) -> None:
        if self._fate.blow is Blow.DEATH:
            self._is_dead = True
            self.deaths += 1
            raise CallerDied
        acts, self._fate = self._fate.meanwhile, WELL
        self.is_paused, self.has_outlasted = True, False
        try:
            for act in acts:
                with self.lived(WELL):
                    self.meanwhile(act)
        finally:
            self.is_paused = False
        self.is_late = self.has_outlasted
