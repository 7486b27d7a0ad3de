"""A server that takes no writes refuses a transition whole: none is left half done."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from jobset_protocol.errors import StoreRefusingError
from jobset_protocol.messages import ChunkKey, Claim, ErrorRecord, JobReference, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, connect
from tests.servers import ValkeyServer

ALIAS = "aer"
JOB = JobReference("job-1")
ERROR = ErrorRecord("ProviderError", "too hot")


@contextlib.contextmanager
def full_disk(server: ValkeyServer, client: Any) -> Iterator[None]:
    server.fill_disk()
    with contextlib.suppress(redis.ResponseError):
        for number in range(1000):
            client.set(f"filler:{number}", "x" * 100)
    yield
    server.free_disk()


@contextlib.contextmanager
def full_memory(_: ValkeyServer, client: Any) -> Iterator[None]:
    client.config_set("maxmemory", "1mb")
    yield
    client.config_set("maxmemory", "0")


@contextlib.contextmanager
def read_only(_: ValkeyServer, client: Any) -> Iterator[None]:
    client.replicaof("127.0.0.1", "1")
    yield
    client.replicaof("NO", "ONE")


class Steps:
    """A set whose chunks are taken through their lives; each step is refused first.

    Args:
        store: On a server with an epoch.
    """

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.record = SetRecord(uuid.uuid4().hex, "a", ALIAS, "me", 4, 2)
        self.key = ChunkKey(self.record.set_id, 0)
        self.claim = Claim(self.key, 0, "me", 1)

    def all(self) -> list[Callable[[], Any]]:
        store, key = self.store, self.key
        return [
            lambda: store.create_set(self.record, b"names"),
            lambda: store.add_chunks(self.record.set_id, 0, [b"0", b"1"]),
            lambda: self._hold(store.claim(key, backend=ALIAS, owner="me", lease_seconds=30.0)),
            lambda: store.extend(self.claim, backend=ALIAS, lease_seconds=30.0),
            lambda: store.intend(self.claim),
            lambda: store.submitted(self.claim, JOB, backend=ALIAS, poll_after_seconds=0.0),
            lambda: store.new_attempt(self.claim, backend=ALIAS, error=ERROR, delay_seconds=0.0),
            lambda: self._hold(store.claim(key, backend=ALIAS, owner="me", lease_seconds=30.0)),
            lambda: store.requeue(self.claim, backend=ALIAS, counter="transient", error=ERROR),
            lambda: self._hold(store.claim(key, backend=ALIAS, owner="me", lease_seconds=30.0)),
            lambda: store.split(self.claim, self.record, backend=ALIAS, error=ERROR),
            lambda: self._hold(
                store.claim(self._other, backend=ALIAS, owner="me", lease_seconds=30.0)
            ),
            lambda: store.finish(self.claim, ChunkStatus.DONE, backend=ALIAS, result=b"result"),
            lambda: store.cancel_set(self.record.set_id),
        ]

    @property
    def _other(self) -> ChunkKey:
        return ChunkKey(self.record.set_id, 1)

    def _hold(self, taken: tuple[Claim, bytes] | None) -> None:
        assert taken is not None
        self.claim = taken[0]


def contents(client: Any, set_id: str) -> dict[bytes, bytes]:
    """Return a set's own keys; the schedule beside them may be repaired, and need not be whole."""
    return {name: client.dump(name) for name in client.scan_iter(f"jobset:{{{set_id}}}*")}


@pytest.mark.parametrize("refusing", [full_disk, full_memory, read_only])
def test_a_refused_transition_changes_nothing_and_goes_through_later(
    valkey: ValkeyServer, refusing: Callable[[ValkeyServer, Any], Any]
) -> None:
    with (
        contextlib.closing(connect(valkey.url, patience_seconds=0.0)) as store,
        contextlib.closing(redis.Redis.from_url(valkey.url)) as client,
    ):
        store.require_epoch()
        steps = Steps(store)
        set_id = steps.record.set_id
        for step in steps.all():
            before = contents(client, set_id)
            with refusing(valkey, client), pytest.raises(StoreRefusingError):
                step()
            assert contents(client, set_id) == before
            step()
            assert contents(client, set_id) != before


def test_memory_that_ends_in_the_middle_of_a_script_does_not_end_the_script(
    valkey: ValkeyServer,
) -> None:
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + 100_000)
        script = "for n = 1, 100 do redis.call('SET', 'big' .. n, string.rep('x', 10000)) end"
        client.eval(script, 0)
        assert len(client.keys("big*")) == 100
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.eval(script, 0)
