"""The store's contracts on fakeredis, in process."""

import pytest

from jobset_protocol.store.memory import MemoryStore, memory_store
from tests.contracts.catalogue_contract import CatalogueContract
from tests.contracts.deletion_contract import DeletionContract
from tests.contracts.growth_contract import GrowthContract
from tests.contracts.resolution_contract import ResolutionContract
from tests.contracts.store_contract import StoreContract


class InMemory:
    """Same scripts as on a server."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """An empty store."""
        return memory_store()


class TestMemoryStore(InMemory, StoreContract):
    """Sets, chunks and backends."""


class TestMemoryGrowth(InMemory, GrowthContract):
    """Sets that change while they run."""


class TestMemoryResolutions(InMemory, ResolutionContract):
    """Chunks that a person settles."""


class TestMemoryCatalogue(InMemory, CatalogueContract):
    """Sets that are looked for."""


class TestMemoryDeletion(InMemory, DeletionContract):
    """Sets that are deleted, kept and imported."""
