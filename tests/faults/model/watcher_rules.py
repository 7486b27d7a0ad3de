"""What the watcher's process does: attend to what is due, and sweep for what was lost."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobset_protocol.errors import JobSetNotFoundError
from tests.faults.model.fates import Fate
from tests.faults.model.history import History, fates, troubles
from tests.faults.model.provider import Trouble


class WatcherRules(History):
    """The watcher's side."""

    @precondition(lambda self: self.seen and self.seen.due)
    @rule(fate=fates, trouble=troubles, lapse=st.booleans())
    def watch(self, fate: Fate, trouble: Trouble | None, lapse: bool) -> None:
        if lapse:
            self.let_leases_lapse()
            self.restart_the_watchers()
        self._watch(fate, trouble)

    @precondition(lambda self: self.seen and self.seen.due)
    @rule(fate=fates, ends=st.booleans())
    def watch_the_provider(self, fate: Fate, ends: bool) -> None:
        if ends:
            self.provider.end()
        self._watch(fate, None)

    def _watch(self, fate: Fate, trouble: Trouble | None) -> None:
        try:
            with self.befallen(fate, trouble):
                self.attend(self.watcher)
        except JobSetNotFoundError:
            # The watcher's thread says so and tries again.
            assert self.is_deleted

    @rule(fate=fates, times=st.integers(1, 2))
    def sweep(self, fate: Fate, times: int) -> None:
        with self.befallen(fate):
            for _ in range(times):
                self.recovery.sweep()
