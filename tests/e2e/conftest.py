"""A cluster whose provider can be told to fail, for the tests that compare with the original."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from jobset_client import JobManager, LocalCluster
from jobset_protocol.store import connect
from tests.fake_service import FakeServiceProcess
from tests.known_keys import assert_no_leaked_key
from tests.support import wait_until
from worker.providers.fake_behaviour import FakeBehaviour

_HURRIED = {"JOBSET_POLL_MIN_SECONDS": "0.1", "JOBSET_SWEEP_SECONDS": "1"}
_BACKENDS = """
[backends.aer]
provider = "aer"

[backends.local]
provider = "fake"
fail_circuits = ["bad*"]

[backends.remote]
provider = "fake"
service_url = "{url}"

[backends.limited]
provider = "fake"
service_url = "{url}"
max_circuits = 4
max_pending = 2
"""


@dataclass
class Lab:
    """Two worker processes and a provider.

    Backends: ``aer``; ``local``, which fails circuits named ``bad…``; ``remote``, which is the
    service; and ``limited``, the same with 4 circuits a job and 2 jobs at a time.
    """

    cluster: LocalCluster
    service: FakeServiceProcess

    def submissions_of(self, set_id: str) -> list[int]:
        """Return how many jobs the provider made under each of a set's tags."""
        tags: dict[str, int] = self.service.stats()["tags"]
        return [count for tag, count in tags.items() if f"-{set_id}-" in tag]

    def worker_log(self) -> str:
        """Return what the workers have logged."""
        return (self.cluster.directory / "logs" / "worker.log").read_text(encoding="utf-8")


@pytest.fixture(scope="package")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("lab")
    service = FakeServiceProcess(directory)
    service.start()
    config = directory / "jobset.toml"
    config.write_text(_BACKENDS.format(url=service.url), encoding="utf-8")
    with LocalCluster(
        workers=2, directory=directory / "cluster", config=config, environment=_HURRIED
    ) as cluster:
        yield Lab(cluster, service)
        with contextlib.closing(connect(cluster.url)) as store:
            assert_no_leaked_key(store)
    service.stop()


@pytest.fixture
def lab(shared_lab: Lab) -> Lab:
    """A lab whose provider has nothing to do and behaves, until told otherwise."""
    shared_lab.service.behave(**FakeBehaviour().model_dump())
    wait_until(lambda: not shared_lab.service.stats()["pending"], description="jobs to be over")
    return shared_lab


@pytest.fixture
def manager(lab: Lab) -> Iterator[JobManager]:
    with JobManager(lab.cluster.url) as manager:
        yield manager
