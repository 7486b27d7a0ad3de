"""The store's contracts on a real Valkey, and what only a real server can show."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.connection import AbstractConnection

from jobset_protocol.errors import ConfigurationError, StoreUnavailableError, StoreUnfitError
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, connect
from tests.contracts.catalogue_contract import CatalogueContract
from tests.contracts.deletion_contract import DeletionContract
from tests.contracts.growth_contract import GrowthContract
from tests.contracts.resolution_contract import ResolutionContract
from tests.contracts.store_contract import StoreContract
from tests.servers import ValkeyServer


class OnValkey:
    """On one server for all classes."""

    @pytest.fixture
    def store(self, shared_valkey: ValkeyServer) -> Iterator[RedisStore]:
        """A connection of the test's own."""
        store = shared_valkey.store()
        yield store
        store.close()


class TestRedisStore(OnValkey, StoreContract):
    """Sets, chunks and backends."""


class TestRedisGrowth(OnValkey, GrowthContract):
    """Sets that change while they run."""


class TestRedisResolutions(OnValkey, ResolutionContract):
    """Chunks that a person settles."""


class TestRedisCatalogue(OnValkey, CatalogueContract):
    """Sets that are looked for."""


class TestRedisDeletion(OnValkey, DeletionContract):
    """Sets that are deleted, kept and imported."""


def test_nothing_is_lost_when_the_server_is_killed(valkey: ValkeyServer) -> None:
    store = valkey.store()
    record = SetRecord(uuid.uuid4().hex, "a", "aer", "me", 2, 1)
    store.create_set(record, b"names")
    store.add_chunks(record.set_id, 0, [b"0", b"1"])
    valkey.restart()
    # The restarted server has forgotten the scripts; the call loads them again.
    taken = store.claim(ChunkKey(record.set_id, 0), backend="aer", owner="w", lease_seconds=9)
    assert taken is not None
    assert store.counts(record.set_id) == {ChunkStatus.CLAIMED: 1, ChunkStatus.QUEUED: 1}
    store.close()


def test_an_interrupted_call_leaves_no_reply_for_the_next(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = valkey.store()
    record = SetRecord(uuid.uuid4().hex, "a", "aer", "me", 1, 1)
    store.create_set(record, b"")
    send: Any = AbstractConnection.send_packed_command

    def send_then_interrupt(
        connection: AbstractConnection, command: object, **options: Any
    ) -> None:
        send(connection, command, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AbstractConnection, "send_packed_command", send_then_interrupt)
        # The reply comes only when the next call waits for its own.
        valkey.freeze()
        with pytest.raises(KeyboardInterrupt):
            store.results([ChunkKey(record.set_id, 0)])
    thaw = threading.Timer(0.3, valkey.thaw)
    thaw.start()
    assert store.set_record(record.set_id).name == "a"
    assert store.chunks([ChunkKey(record.set_id, 0)])[0].status is ChunkStatus.UNSENT
    thaw.join()
    store.close()


def test_a_server_that_is_not_there_is_named_soon(tmp_path: Path) -> None:
    store = connect(f"unix://{tmp_path}/nothing", patience_seconds=0.5)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="JOBSET_URL"):
        store.require_fit_server()
    assert time.monotonic() - begun < 5


def test_an_eviction_policy_that_drops_data_is_refused(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start("--maxmemory-policy", "allkeys-lru")
    store = server.store()
    with pytest.raises(StoreUnfitError, match="set maxmemory-policy to noeviction"):
        store.require_fit_server()
    store.close()
    server.close()


def test_a_fit_server_is_accepted_without_a_warning(shared_valkey: ValkeyServer) -> None:
    store = shared_valkey.store()
    report = store.require_fit_server()
    store.close()
    assert (report.product, report.problems, report.warnings) == ("valkey", (), ())


def test_persistence_that_is_off_is_a_warning(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start("--appendonly", "no")
    store = server.store()
    assert "appendonly" in store.require_fit_server().warnings[0]
    store.close()
    server.close()


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not a store URL"):
        connect("http://localhost")


def test_ten_thousand_statuses_are_one_quick_read(shared_valkey: ValkeyServer) -> None:
    store = shared_valkey.store()
    record = SetRecord(uuid.uuid4().hex, "big", "aer", "me", 10_000, 1)
    store.create_set(record, b"")
    store.add_chunks(record.set_id, 0, [b"c"] * 10_000)
    assert store.statuses(record.set_id) == [ChunkStatus.QUEUED] * 10_000
    store.close()
