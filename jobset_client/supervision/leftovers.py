"""End what a killed supervisor left behind."""

import signal
import time
from collections.abc import Sequence

from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.records import SERVER, SUPERVISOR, Ledger

STOP_SECONDS = 5.0
_SERVER_EXIT_SECONDS = 1.0
_POLL_SECONDS = 0.02


def end_leftovers(ledger: Ledger) -> list[str]:
    """End the processes of a ledger whose supervisor is gone; the server last.

    Only for the holder of the directory's lock.

    Returns:
        The names of those that still ran.
    """
    left = [
        process
        for process in ledger.processes
        if process.name != SUPERVISOR and process.identity.is_alive
    ]
    servers = [process.identity for process in left if process.name == SERVER]
    writers = [process.identity for process in left if process.name != SERVER]
    # On Linux the kernel asked all of them to stop when the supervisor died.  Without a server
    # the others have nobody to hand their chunks over to, and only lose time by trying.
    alone = wait_gone(servers, _SERVER_EXIT_SECONDS)
    end(writers, 0.0 if alone else STOP_SECONDS)
    end(servers)
    return [process.name for process in left]


def end(identities: Sequence[ProcessIdentity], stop_seconds: float = STOP_SECONDS) -> None:
    """Ask processes to stop, and kill those that have not after a time."""
    for identity in identities:
        identity.signal(signal.SIGTERM)
    if not wait_gone(identities, stop_seconds):
        for identity in identities:
            identity.kill_group()
        wait_gone(identities, STOP_SECONDS)


def wait_gone(identities: Sequence[ProcessIdentity], timeout_seconds: float) -> bool:
    """Wait until none of the processes runs; False when the time is up."""
    deadline = time.monotonic() + timeout_seconds
    while any(identity.is_alive for identity in identities):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
