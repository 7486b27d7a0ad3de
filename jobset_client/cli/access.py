"""How commands reach the store: the URL that was given, or the local cluster."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jobset_client.cli.output import say
from jobset_client.cluster import LocalCluster
from jobset_protocol.store import Store, connect

if TYPE_CHECKING:
    from jobset_client.job_manager import JobManager


class Access:
    """Opens the store when a command needs it.

    Args:
        url: From ``--url`` or ``JOBSET_URL``; ``None`` means the local cluster.
    """

    def __init__(self, url: str | None) -> None:
        self.url = url

    def running_url(self) -> str | None:
        """Return the store's URL; ``None`` when it would be a local cluster that does not run."""
        return self.url or LocalCluster().status().url

    def reachable_url(self) -> str:
        """Return the store's URL, starting the local cluster if that is needed.

        Raises:
            ClusterError: It cannot be started.
        """
        if self.url:
            return self.url
        cluster = LocalCluster()
        if not cluster.status().running:
            say("Starting a local cluster; `jobset down` stops it.")
        return cluster.start().url

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store for a while."""
        with self.store_at(self.reachable_url()) as store:
            yield store

    @contextlib.contextmanager
    def store_at(self, url: str) -> Iterator[Store]:
        """Open the store at a URL for a while."""
        with contextlib.closing(connect(url)) as store:
            yield store

    @contextlib.contextmanager
    def manager(self) -> Iterator["JobManager"]:
        """Open a manager for a while."""
        from jobset_client.job_manager import JobManager  # noqa: PLC0415  (brings qiskit along)

        with JobManager(self.reachable_url()) as manager:
            yield manager


pass_access = click.make_pass_decorator(Access)
"""Gives a command its :class:`Access` as the first argument."""
