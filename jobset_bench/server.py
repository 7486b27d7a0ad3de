"""A private Valkey for one measured system, with the settings of Jobset's own local cluster."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobset_bench.processes import stop
from jobset_client.supervision.server import answers, server_binary, server_command
from jobset_protocol.errors import ClusterError

_START_SECONDS = 20.0
_POLL_SECONDS = 0.01


@contextmanager
def private_valkey() -> Iterator[str]:
    """Run a Valkey in a folder of its own and yield its URL; both are gone afterwards.

    Raises:
        ClusterError: It does not start.
    """
    with tempfile.TemporaryDirectory(prefix="jobset-bench-") as folder:
        socket_path = Path(folder) / "valkey.sock"
        process = subprocess.Popen(
            server_command(server_binary(), data=Path(folder), socket_path=socket_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A Ctrl-C must reach the benchmark first, which then stops the server last.
            start_new_session=True,
        )
        try:
            _await_answer(process, socket_path)
            yield f"unix://{socket_path}"
        finally:
            stop(process)


def _await_answer(process: "subprocess.Popen[bytes]", socket_path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers(socket_path):
        if process.poll() is not None:
            raise ClusterError(
                f"the benchmark's Valkey ended with code {process.returncode} as it started; "
                f"see that {tempfile.gettempdir()} is writable and not full"
            )
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the benchmark's Valkey did not answer within {_START_SECONDS:.0f} s; "
                "try again when the machine is less busy"
            )
        time.sleep(_POLL_SECONDS)
