"""Start a supervisor, and know for certain whether it was started."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

from jobset_client import supervisor
from jobset_client.supervision.commands import package_root, python_command, python_environment
from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.records import SUPERVISOR
from jobset_protocol.errors import ClusterError

_OTHER_STORES = ("JOBSET_URL", "JOBSET_BROKER_URL", "JOBSET_CONFIG")
"""Settings that mean some other cluster."""


class SupervisorLaunch:
    """Starts a directory's supervisor, unless it has one.

    Args:
        directory: The cluster's.
        arguments: The supervisor's, besides directory and time.
        environment: Added to its environment.
        deadline: By ``time.monotonic()``.
    """

    def __init__(
        self,
        directory: ClusterDirectory,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        deadline: float,
    ) -> None:
        self.succeeded = False
        """Whether a supervisor was started; right after an interruption, too."""
        self._directory = directory
        self._arguments = arguments
        self._environment = environment
        self._deadline = deadline

    def run(self) -> bool:
        """Start a supervisor; False when the directory has one already.

        Raises:
            ClusterError: It cannot be started.
        """
        left_seconds = max(1.0, self._deadline - time.monotonic())
        process = self._process(left_seconds)
        with process:
            try:
                _, complaint = process.communicate(timeout=left_seconds + 5.0)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise ClusterError(
                    "the local cluster's supervisor did not start; "
                    f"see {self._directory.log(SUPERVISOR)}"
                ) from error
            except BaseException:
                # It has left this session: Ctrl-C does not reach it, and it goes on to start.
                self.succeeded = process.wait() == 0
                raise
        if process.returncode not in (0, supervisor.ALREADY_RUNNING):
            raise ClusterError(f"the local cluster cannot be started: {complaint.strip()}")
        self.succeeded = self.succeeded or process.returncode == 0
        return process.returncode == 0

    def _process(self, timeout_seconds: float) -> "subprocess.Popen[str]":
        own = ["--directory", str(self._directory.path), "--timeout-seconds", str(timeout_seconds)]
        base = {name: value for name, value in os.environ.items() if name not in _OTHER_STORES}
        return subprocess.Popen(  # noqa: S603 -- the command is ours
            python_command("jobset_client.supervisor", *own, *self._arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=self._directory.path,
            env=python_environment({**base, **self._environment}, package_root()),
            start_new_session=True,
        )
