"""An intent to submit may be asked to be on the server's disk before it counts."""

import contextlib
import uuid
from pathlib import Path

import pytest

from jobset_protocol.errors import StoreUnavailableError, StoreUnfitError
from jobset_protocol.messages import ChunkKey, Claim, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, connect
from tests.servers import ValkeyServer


def claimed(store: RedisStore) -> Claim:
    store.require_epoch()
    record = SetRecord(uuid.uuid4().hex, "set", "device", "me", 1, 1)
    store.create_set(record, b"names")
    store.add_chunks(record.set_id, 0, [b"payload"])
    key = ChunkKey(record.set_id, 0)
    taken = store.claim(key, backend="device", owner="w", lease_seconds=30)
    assert taken is not None
    return taken[0]


def test_an_intent_waits_for_the_disk(valkey: ValkeyServer) -> None:
    with contextlib.closing(connect(valkey.url, fsync_intents=True)) as store:
        store.require_fit_server()
        claim = claimed(store)
        assert store.intend(claim, lease_seconds=30)
        assert store.chunks([claim.key])[0].status is ChunkStatus.SUBMITTING
        # Nothing is left to be written: the disk has all.
        assert store.client.execute_command("WAITAOF", 1, 0, 1)[0] == 1


def test_an_intent_that_the_disk_does_not_take_does_not_count(valkey: ValkeyServer) -> None:
    with contextlib.closing(connect(valkey.url, fsync_intents=True)) as store:
        claim = claimed(store)
        store.client.config_set("appendfsync", "no")
        with pytest.raises(StoreUnavailableError, match="disk"):
            store.intend(claim, lease_seconds=30)


def test_a_server_without_a_log_is_refused(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start("--appendonly", "no")
    try:
        with (
            contextlib.closing(connect(server.url, fsync_intents=True)) as store,
            pytest.raises(StoreUnfitError, match="JOBSET_FSYNC_INTENTS"),
        ):
            store.require_fit_server()
    finally:
        server.close()
