"""What the suites of the store share: a set of three chunks, and a worker's first steps."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    Claim,
    ErrorRecord,
    JobReference,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, Store
from tests.known_keys import assert_no_leaked_key

LEASE = 30.0
ERROR = ErrorRecord("ProviderError", "out of order", FailureKind.TRANSIENT, "submit")


class StoreSuite:
    """Fixtures and steps; a subclass gives the fixture ``store``."""

    @pytest.fixture(autouse=True)
    def no_leaked_key(self, store: RedisStore) -> Iterator[None]:
        """Fail on a key that has no policy for its life."""
        yield
        assert_no_leaked_key(store)

    @pytest.fixture
    def alias(self) -> str:
        """A backend of the test's own."""
        return f"b{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def job_set(self, store: Store, alias: str) -> SetRecord:
        """A set of three chunks (4, 4 and 2 circuits), all of them queued."""
        record = SetRecord(
            uuid.uuid4().hex, "ghz", alias, "me", 10, 4, {"shots": 7, "x": 1j}, ("b", "a")
        )
        store.create_set(record, b"names")
        store.add_chunks(record.set_id, 0, [b"zero", b"one"])
        store.add_chunks(record.set_id, 2, [b"two"])
        return record

    def claim(
        self, store: Store, job_set: SetRecord, index: int = 0, lease: float = LEASE
    ) -> Claim:
        taken = store.claim(
            ChunkKey(job_set.set_id, index), backend=job_set.backend, owner="w", lease_seconds=lease
        )
        assert taken is not None
        return taken[0]

    def submit(self, store: Store, job_set: SetRecord, index: int = 0) -> Claim:
        claim = self.claim(store, job_set, index)
        assert store.intend(claim)
        store.submitted(
            claim, JobReference(f"job-{index}"), backend=job_set.backend, poll_after_seconds=0
        )
        return claim

    def chunk(self, store: Store, claim: Claim) -> ChunkRecord:
        [record] = store.chunks([claim.key])
        return record

    def make(self, store: Store, alias: str, **fields: Any) -> SetRecord:
        """Create a set of one chunk, which is queued."""
        made = SetRecord(uuid.uuid4().hex, "n", alias, "me", 1, 1)
        record = replace(made, **fields)
        store.create_set(record, b"names")
        store.add_chunks(record.set_id, 0, [b"0"])
        return store.set_record(record.set_id)

    def end_all(
        self, store: Store, job_set: SetRecord, status: ChunkStatus = ChunkStatus.DONE
    ) -> None:
        """Let every chunk of a set end."""
        for index in range(job_set.chunk_count):
            claim = self.claim(store, job_set, index)
            store.finish(claim, status, backend=job_set.backend, result=b"r", error=ERROR)

    def ids(self, store: Store, **query: Any) -> list[str]:
        return [record.set_id for record in store.find_sets(**query)]

    def keys_of(self, store: RedisStore, job_set: SetRecord) -> list[str]:
        """Return whatever the server holds that names a set."""
        found = [
            key.decode() for key in store.client.scan_iter(f"*{job_set.set_id}*", count=10_000)
        ]
        for key in store.client.scan_iter("jobset:*", count=10_000):
            kind = store.client.type(key)
            if kind == b"zset":
                members = store.client.zrange(key, 0, -1)
            else:
                members = [store.client.get(key)] if kind == b"string" else []
            if any(member.startswith(job_set.set_id.encode()) for member in members):
                found.append(key.decode())
        return found


def send_twice(store: RedisStore, patch: pytest.MonkeyPatch) -> None:
    """Send every command twice, as one is whose reply was lost."""
    run = store.scripts.run
    patch.setattr(store.scripts, "run", lambda commands: (run(commands), run(commands))[1])
