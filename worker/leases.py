"""Keep the claims of this process alive while it works on them.

One thread a process extends every held claim at a third of its lease.  A claim that was taken
over is dropped: the fence refuses its writes anyway.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobset_protocol.errors import StaleFenceError
from jobset_protocol.messages import Claim
from jobset_protocol.store.base import ChunkStore
from worker.deadman import DeadMan

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Extends the claims that are held.

    Args:
        store: Where the leases are.
        lease_seconds: Length of a lease, counted from each extension.
    """

    def __init__(self, store: ChunkStore, *, lease_seconds: float) -> None:
        self._store = store
        self.lease_seconds = lease_seconds
        self._dead_man = DeadMan()
        self._deadly: Claim | None = None
        self._held: dict[Claim, str] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, claim: Claim, backend: str) -> Iterator[None]:
        """Extend ``claim`` until the block ends."""
        with self._lock:
            self._held[claim] = backend
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(claim, None)

    @contextmanager
    def deadly(self, claim: Claim, *, until: float) -> Iterator[None]:
        """End this process if the claim's lease ends within the block; see :mod:`worker.deadman`.

        Args:
            claim: One that is held.
            until: When its lease ends unless it is extended, by ``time.monotonic()``.

        Raises:
            StaleFenceError: It is too late already.
        """
        self._deadly = claim
        try:
            with self._dead_man.armed(until):
                yield
        finally:
            self._deadly = None

    def held(self) -> list[Claim]:
        """Return the claims that are being extended."""
        with self._lock:
            return list(self._held)

    def _keep(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self.lease_seconds / 3)
            with self._lock:
                held = list(self._held.items())
            for claim, backend in held:
                self._extend(claim, backend)

    def _extend(self, claim: Claim, backend: str) -> None:
        until = time.monotonic() + self.lease_seconds
        try:
            self._store.extend(claim, backend=backend, lease_seconds=self.lease_seconds)
            if claim == self._deadly:
                self._dead_man.put_off(until)
        except StaleFenceError:
            with self._lock:
                if self._held.pop(claim, None):
                    _log.warning("chunk %s was taken over; claim %d ends", claim.key, claim.fence)
        except Exception as error:  # noqa: BLE001  (a keeper that ends lets every claim lapse)
            _log.warning("cannot extend the lease on chunk %s: %s", claim.key, error)
