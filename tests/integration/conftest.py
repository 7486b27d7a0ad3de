"""A real server for every integration test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ValkeyServer


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One server for the session; its tests keep apart by their own sets and aliases."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of the test's own, to be killed and restarted."""
    server = ValkeyServer(tmp_path)
    server.start()
    yield server
    server.close()
