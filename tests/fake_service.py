"""The fake provider's service for tests: a real process that can be killed and started again."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support import wait_until


class FakeServiceProcess:
    """The service on a port of its own, with its jobs in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, port: int | None = None) -> None:
        """Start, and wait for the first answer."""
        port_file = self._directory / "port"
        port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "worker.providers.fake_service",
                "--port", str(self._port if port is None else port),
                "--directory", str(self._directory),
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(port_file.exists, description="the fake service to write its port")
        self.url = f"http://127.0.0.1:{port_file.read_text()}"
        wait_until(self._answers, description="the fake service to answer")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; returns its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(how)
        return process.wait(timeout=10)

    def behave(self, **behaviour: Any) -> None:
        """Change how jobs go."""
        httpx.put(f"{self.url}/config", json=behaviour, trust_env=False).raise_for_status()

    def stats(self) -> dict[str, Any]:
        """Count the submissions."""
        stats: dict[str, Any] = httpx.get(f"{self.url}/stats", trust_env=False).json()
        return stats

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False
