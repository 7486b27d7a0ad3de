"""When a local cluster is ready, and when waiting for that makes no sense any more."""

import contextlib
import socket
import time

from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.records import ClusterRecord, Ledger
from jobset_protocol.errors import ClusterError, StoreError
from jobset_protocol.messages import WorkerRecord
from jobset_protocol.store import connect

_POLL_SECONDS = 0.02
_RESTARTS_THAT_FAIL_A_START = 3
_STOPPED = "the local cluster was stopped while it started: start it again with `jobset up`"


def await_ready(directory: ClusterDirectory, record: ClusterRecord, deadline: float) -> None:
    """Wait until worker and watcher have announced themselves and the fake service listens.

    Args:
        directory: The cluster's.
        record: What its server is, which answers already.
        deadline: By ``time.monotonic()``.

    Raises:
        ClusterError: A process keeps dying, was stopped, or the time is up; the end of its log
            is in the message.
    """
    with contextlib.closing(connect(record.url)) as store:
        while True:
            try:
                announced = store.workers()
            except StoreError as error:
                if ClusterRecord.read(directory.record) is None:
                    raise ClusterError(_STOPPED) from error
                raise ClusterError(f"the local cluster's server failed: {error}") from error
            ledger = Ledger.read(directory.ledger)
            missing = [
                name for name in ("worker", "watcher") if not _announces(announced, ledger, name)
            ]
            if record.fake_port is not None and not _listens(record.fake_port):
                missing.append("fake")
            if not missing:
                return
            for name in missing:
                _refuse_hopeless(directory, ledger, name, deadline)
            time.sleep(_POLL_SECONDS)


def _announces(announced: list[WorkerRecord], ledger: Ledger, name: str) -> bool:
    # By pid: what the cluster's last run announced may still be in the store.
    process = ledger.named(name)
    return process is not None and any(
        (entry.role, entry.pid) == (name, process.identity.pid) for entry in announced
    )


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _refuse_hopeless(
    directory: ClusterDirectory, ledger: Ledger, name: str, deadline: float
) -> None:
    process = ledger.named(name)
    if process is None:
        raise ClusterError(_STOPPED)
    if process.restarts >= _RESTARTS_THAT_FAIL_A_START:
        reason = "keeps dying"
    elif time.monotonic() > deadline:
        reason = "did not get ready in time"
    else:
        return
    raise ClusterError(
        f"the local cluster's {name} {reason}:\n{directory.log_tail(name)}\n"
        f"(the end of {directory.log(name)})"
    )
