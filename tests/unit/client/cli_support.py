"""The command line in process, over a store without a server."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from click.testing import CliRunner, Result

from jobset_client import JobManager
from jobset_client.cli import main
from jobset_client.cli.access import Access
from jobset_protocol.store import Store


class FixedAccess(Access):
    """Hands out a store and a manager that are there already."""

    def __init__(self, store: Store, manager: JobManager) -> None:
        super().__init__("memory://")
        self._store = store
        self._manager = manager

    @contextlib.contextmanager
    def store_at(self, url: str) -> Iterator[Store]:
        yield self._store

    @contextlib.contextmanager
    def manager(self) -> Iterator[JobManager]:
        yield self._manager


class Cli:
    """Runs ``jobset`` with arguments."""

    def __init__(self, store: Store, manager: JobManager) -> None:
        self._access = FixedAccess(store, manager)

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        """Run it and see that it ended with ``code``."""
        # A terminal's width would break lines at places that no test can know.
        result = CliRunner(env={"COLUMNS": "400"}).invoke(main, arguments, obj=self._access)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run it and read its standard output, which must be JSON and nothing else."""
        return json.loads(self(*arguments, code=code).stdout)


def lines(result: Result) -> list[list[str]]:
    """Return the words of each line of a table, without its heading."""
    return [line.split() for line in result.stdout.splitlines()[2:]]
