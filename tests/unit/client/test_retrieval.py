import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import JobSetNotFoundError, StoreUnavailableError
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, circuits, counts_of


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(
        circuits(7), ALIAS, name="flips", max_experiments_per_job=3, job_tags=["a", "b"]
    )


@pytest.fixture
def stranger(store: MemoryStore) -> JobManager:
    """A manager in another process: it shares the store and nothing else."""
    return JobManager.over(store, ListSender(), owner="bob")


def test_another_process_sees_the_same_set(
    store: MemoryStore, stranger: JobManager, job_set: ManagedJobSet
) -> None:
    FakeWorker(store, job_set).run_all()
    retrieved = stranger.retrieve_job_set(job_set.job_set_id())
    assert retrieved is not job_set
    assert retrieved == job_set
    assert retrieved.name() == "flips"
    assert sorted(retrieved.tags()) == ["a", "b"]
    assert retrieved.circuit_names() == [f"c{i}" for i in range(7)]
    assert [job.job_id() for job in retrieved.jobs() if job] == [
        job.job_id() for job in job_set.jobs() if job
    ]
    assert retrieved.results().get_counts("c5") == counts_of(5)
    assert retrieved.record.owner == "ada"


@pytest.mark.parametrize("set_id", ["", "nonsense", "0" * 32, "A" * 32, "jobset:{x}", None, 7])
def test_an_unknown_id(manager: JobManager, set_id: str) -> None:
    with pytest.raises(JobSetNotFoundError):
        manager.retrieve_job_set(set_id)


def test_the_same_object_keeps_what_it_fetched(manager: JobManager, job_set: ManagedJobSet) -> None:
    assert manager.retrieve_job_set(job_set.job_set_id()) is job_set
    assert manager.retrieve_job_set(job_set.job_set_id(), provider="ibm", refresh=True) is job_set


def test_refresh_drops_stale_results(
    manager: JobManager, store: MemoryStore, job_set: ManagedJobSet
) -> None:
    worker = FakeWorker(store, job_set)
    worker.run_all()
    assert job_set.results().success
    manager.retrieve_job_set(job_set.job_set_id(), refresh=True)
    store.client.flushall()
    with pytest.raises(JobSetNotFoundError):
        job_set.results(timeout=0)


def test_a_failed_refresh_does_not_forget_the_set(
    manager: JobManager,
    store: MemoryStore,
    job_set: ManagedJobSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(set_id: str) -> None:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "set_record", away)
        with pytest.raises(StoreUnavailableError):
            manager.retrieve_job_set(job_set.job_set_id(), refresh=True)
    assert job_set.job_set_id() in manager.report()


def test_lists_sets_of_all_processes(
    manager: JobManager, stranger: JobManager, job_set: ManagedJobSet
) -> None:
    other = manager.run(circuits(1), ALIAS, name="other")
    twin = manager.run(circuits(1), ALIAS, name="flips")
    assert set(stranger.job_sets()) == {job_set, other, twin}
    assert set(stranger.job_sets(name="flips")) == {job_set, twin}
    assert stranger.job_sets(name="nobody's") == []
    assert manager.job_sets(name="other")[0] is other


def test_listing_does_not_widen_the_report(stranger: JobManager, job_set: ManagedJobSet) -> None:
    stranger.job_sets()
    assert job_set.job_set_id() not in stranger.report()
    stranger.retrieve_job_set(job_set.job_set_id())
    assert job_set.job_set_id() in stranger.report()
