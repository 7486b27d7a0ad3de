"""No message can end a worker; what nobody can read is kept for an operator."""

import contextlib
from collections.abc import Iterator

import pytest
import redis

from jobset_client import JobManager, LocalCluster
from jobset_protocol import keys
from jobset_protocol.store import connect
from tests.circuits import small_circuits
from tests.malformed_messages import UNREADABLE, WRONG
from tests.support import wait_until


@pytest.fixture
def broker(cluster: LocalCluster) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(cluster.url)
    yield client
    client.close()


def test_malformed_messages_end_no_worker(cluster: LocalCluster, broker: "redis.Redis") -> None:
    before = {p.pid for p in cluster.status().processes}
    with contextlib.closing(connect(cluster.url)) as store:
        aside = len(store.messages_set_aside())
        for text in [*UNREADABLE, *WRONG] * 3:
            broker.lpush(keys.queue("fake"), text)
        with JobManager(cluster.url) as manager:
            job_set = manager.run(small_circuits(20), "fake", max_experiments_per_job=1)
            assert job_set.results(timeout=60).success
        wait_until(
            lambda: len(store.messages_set_aside()) == aside + 3 * len(UNREADABLE),
            description="the unreadable messages to be set aside",
        )
    assert {p.pid for p in cluster.status().processes} == before
