"""Where a local cluster keeps what it has: one private directory.

::

    data/           Valkey's append-only file
    logs/           a log a process
    fake/           the fake provider's jobs, port and behaviour
    backends.toml   the workers' configuration, unless the user named one
    cluster.json    how to reach the cluster; there from when its server answers until it stops
    processes.json  which processes belong to it, for whoever comes after a crash
    lock            held by the living supervisor; the kernel frees it with the process
"""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jobset_protocol.errors import ClusterError

LONGEST_SOCKET_PATH_BYTES = 100
"""The kernel's limit is 104 on macOS and 108 on Linux, the final zero included."""
LARGEST_LOG_BYTES = 10_000_000
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def default_directory(name: str = "local") -> Path:
    """Return the directory of the cluster ``name`` under the XDG state home.

    Raises:
        ClusterError: The name cannot be that of a directory.
    """
    if not _PLAIN_NAME.fullmatch(name):
        raise ClusterError(
            f"{name!r} cannot name a cluster: use letters, digits, '.', '_' and '-', "
            "and start with a letter or a digit"
        )
    state_home = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG specification has relative paths ignored.
    if not state_home.is_absolute():
        state_home = Path.home() / ".local" / "state"
    return state_home / "jobset" / name


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
    """The paths in a cluster's directory.

    Args:
        path: Absolute, without symbolic links.

    >>> ClusterDirectory(Path("/tmp/c")).log("worker").as_posix()
    '/tmp/c/logs/worker.log'
    """

    path: Path

    @property
    def data(self) -> Path:
        """The server's working directory."""
        return self.path / "data"

    @property
    def fake(self) -> Path:
        """The fake provider's directory."""
        return self.path / "fake"

    @property
    def fake_behaviour(self) -> Path:
        """How the fake provider's service behaves."""
        return self.fake / "behaviour.json"

    @property
    def backends(self) -> Path:
        """The workers' configuration that the supervisor writes."""
        return self.path / "backends.toml"

    @property
    def record(self) -> Path:
        """How to reach the cluster."""
        return self.path / "cluster.json"

    @property
    def ledger(self) -> Path:
        """The processes that belong to the cluster."""
        return self.path / "processes.json"

    @property
    def lock(self) -> Path:
        """The file that the living supervisor holds locked."""
        return self.path / "lock"

    def log(self, name: str) -> Path:
        """Return the log of one process."""
        return self.path / "logs" / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        """Return the end of a process's log; empty when there is none."""
        try:
            with self.log(name).open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 16_384))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def prepare(self) -> None:
        """Make the directory and its parts, readable by their owner only.

        Raises:
            ClusterError: It cannot be made, or others may write to it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_shared(self.path)
            for part in (self.data, self.fake, self.log("").parent):
                part.mkdir(mode=0o700, exist_ok=True)
                part.chmod(0o700)
        except OSError as error:
            raise ClusterError(
                f"the cluster's directory {self.path} cannot be used ({error}); "
                "name another with directory=, or set XDG_STATE_HOME"
            ) from error

    def rotate_logs(self) -> None:
        """Set aside the logs that grew large; each keeps one older part."""
        for log in self.log("").parent.glob("*.log"):
            if log.stat().st_size > LARGEST_LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))

    def socket(self) -> Path:
        """Return the server's socket, in a short private directory when the path is too long.

        A path with characters that a URL would quote is also moved, since not every client
        quotes them alike.

        Raises:
            ClusterError: The short directory belongs to another user.
        """
        path = self._socket_path()
        if path.parent != self.path:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _refuse_shared(path.parent)
        return path

    def forget_socket(self) -> None:
        """Remove the short directory, if there is one and it is empty."""
        path = self._socket_path()
        if path.parent != self.path:
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def _socket_path(self) -> Path:
        near = self.path / "valkey.sock"
        if _serves_as_socket(near):
            return near
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        folder = f"jobset-{os.getuid()}-{digest}"
        far = Path(tempfile.gettempdir(), folder, near.name)
        if _serves_as_socket(far):
            return far
        return Path("/tmp", folder, near.name)  # noqa: S108 -- its folder is made private


def _serves_as_socket(path: Path) -> bool:
    fits = len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES
    return fits and _PLAIN_PATH.fullmatch(str(path)) is not None


def _refuse_shared(path: Path) -> None:
    # lstat: in a shared directory another user may have put a link under the name.
    state = path.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise ClusterError(
            f"{path} is not a directory that only its owner, you, can write to: "
            "remove it, or mend its owner and mode"
        )
