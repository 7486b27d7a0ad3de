"""A server that keeps its connections and says nothing."""

import time
import uuid

import pytest

from jobset_client import ManagedJobSet
from jobset_protocol.errors import JobSetTimeoutError, StoreUnavailableError
from jobset_protocol.messages import SetRecord
from jobset_protocol.statuses import ChunkStatus
from tests.servers import ValkeyServer

SILENCE_SECONDS = 7.0
"""A call's own patience with a silent server, and some room for a slow machine."""


@pytest.mark.parametrize("partial", [False, True])
def test_a_timeout_holds_though_the_server_is_silent(valkey: ValkeyServer, partial: bool) -> None:
    # Given a set that was looked at, so that its connection is open
    store = valkey.store()
    record = SetRecord(uuid.uuid4().hex, "a", "aer", "me", 1, 1)
    store.create_set(record, b"names")
    store.add_chunks(record.set_id, 0, [b"0"])
    job_set = ManagedJobSet.over(store, record)
    assert job_set.chunk_statuses() == [ChunkStatus.QUEUED]

    # When the server falls silent, then a call ends soon after its time
    valkey.freeze()
    started = time.monotonic()
    with pytest.raises((JobSetTimeoutError, StoreUnavailableError)):
        job_set.results(timeout=1, partial=partial)
    assert time.monotonic() - started < SILENCE_SECONDS

    # And once it answers, so does the next call
    valkey.thaw()
    assert job_set.chunk_statuses() == [ChunkStatus.QUEUED]
    with pytest.raises(JobSetTimeoutError):
        job_set.results(timeout=0.1)
    store.close()
