"""What every tier of tests shares."""

import contextlib
from collections.abc import Iterator

import pytest

from jobset_client import LocalCluster
from jobset_protocol.store import connect
from tests.known_keys import assert_no_leaked_key

# Their assertions are in modules that pytest does not collect.
pytest.register_assert_rewrite("tests.contracts", "tests.servers", "tests.support")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster of two worker processes, for the tests that leave it as it is."""
    with LocalCluster(workers=2, directory=tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster
        with contextlib.closing(connect(cluster.url)) as store:
            assert_no_leaked_key(store)
