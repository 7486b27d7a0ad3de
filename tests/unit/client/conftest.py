from collections.abc import Iterator

import pytest

from jobset_client import JobManager
from jobset_protocol.store import Store
from jobset_protocol.store.memory import memory_store
from tests.unit.client.cli_support import Cli
from tests.unit.client.support import ListSender, announce, backend


@pytest.fixture
def store() -> Iterator[Store]:
    store = memory_store()
    store.require_epoch()  # as every worker does at its start
    announce(store, backend())
    yield store
    store.close()


@pytest.fixture
def sender() -> ListSender:
    return ListSender()


@pytest.fixture
def manager(store: Store, sender: ListSender) -> JobManager:
    return JobManager.over(store, sender, owner="ada")


@pytest.fixture
def cli(store: Store, manager: JobManager) -> Cli:
    return Cli(store, manager)
