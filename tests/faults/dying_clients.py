"""Clients that are killed: ``python -m tests.faults.dying_clients``.

``CLIENTS`` is a JSON object: ``directory``, and ``clients``, each a ``name``, a ``key``, a number
of ``chunks``, and the step at which it ends itself.  Each is a process of its own, and leaves two
files behind: its process id when it begins, and how it ended.  All come from one process that has
imported everything, so that a client costs no start.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobset_client import JobManager, dispatch
from tests.circuits import small_circuits
from tests.faults.fleet import ALIAS
from tests.support import wait_until

CREATED = "between the set and its key"
KEYED = "before the first chunk"
STORED = "between chunks and their messages"
SENT = "behind some messages"
WAITING = "waiting"
"""It is killed by somebody else."""

CHUNKS_A_BATCH = 5
_MOMENTS = {CREATED: ("create_set", 1), KEYED: ("claim_key", 1), STORED: ("add_chunks", 2)}
"""Step → behind which call of the store it is, and which time."""


def run_client(url: str, name: str, key: str | None, chunks: int, step: str) -> None:
    """Run a set, and die on the way."""
    # So that there are several, however fast this machine encodes.
    dispatch.MOST_BATCH_CHUNKS = CHUNKS_A_BATCH
    manager = JobManager(url, owner="tester")
    store, sender = manager._store, manager._sender
    if step in _MOMENTS:
        method, times = _MOMENTS[step]
        setattr(store, method, _deadly(getattr(store, method), times))
    elif step == SENT:
        sender.send = _deadly(sender.send, 2)  # type: ignore[method-assign]
    wait_until(lambda: ALIAS in manager.backends(), description="a worker", timeout_seconds=40)
    job_set = manager.run(
        small_circuits(chunks), ALIAS, name=name, max_experiments_per_job=1, shots=10,
        idempotency_key=key,
    )  # fmt: skip
    job_set.results(timeout=60)


def _deadly(method: Callable[..., Any], times: int) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        answer = method(*args, **kwargs)
        calls += 1
        if calls == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return call


def main(directory: Path, clients: list[dict[str, Any]]) -> int:
    """Start them all, and note how they end."""
    names = {}
    for client in clients:
        pid = os.fork()
        if not pid:
            try:
                run_client(os.environ["JOBSET_URL"], **client)
            finally:
                sys.stdout.flush()
                os._exit(0)
        names[pid] = client["name"]
        _write(directory / f"{client['name']}.pid", pid)
    while names:
        pid, status = os.wait()
        _write(directory / f"{names.pop(pid)}.end", os.waitstatus_to_exitcode(status))
    return 0


def _write(path: Path, number: int) -> None:
    whole = path.with_suffix(".part")
    whole.write_text(str(number), encoding="ascii")
    whole.rename(path)


if __name__ == "__main__":
    plan = json.loads(os.environ["CLIENTS"])
    sys.exit(main(Path(plan["directory"]), plan["clients"]))
