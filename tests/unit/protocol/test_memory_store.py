"""The store's contract on fakeredis, in process."""

import pytest

from jobset_protocol.store.memory import MemoryStore, memory_store
from tests.contracts.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """Same scripts as on a server."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """An empty store."""
        return memory_store()
