"""A client ended while it sent a set; another one sends the rest under the same key."""

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_client.dispatch import MOST_BATCH_CHUNKS
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.messages import ChunkKey, ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, circuits

DONE, FAILED, QUEUED, UNSENT = (
    ChunkStatus.DONE,
    ChunkStatus.FAILED,
    ChunkStatus.QUEUED,
    ChunkStatus.UNSENT,
)
GIVEN_UP = ErrorRecord("ClientLost", "it ended")


class Killed(BaseException):
    """The client is no more: nothing of it runs on."""


class KilledSender(ListSender):
    """Its client is killed before it sends the message of one chunk."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def send(self, job_set: SetRecord, indices: range) -> None:
        if self._at in indices:
            raise Killed
        super().send(job_set, indices)


@pytest.fixture(autouse=True)
def one_chunk_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BATCH_CHUNKS > 1
    monkeypatch.setattr("jobset_client.dispatch.MOST_BATCH_CHUNKS", 1)


@pytest.fixture
def half_sent(store: Store, monkeypatch: pytest.MonkeyPatch) -> ManagedJobSet:
    """A set of 6 circuits in 3 chunks, the last of which was never sent."""
    with monkeypatch.context() as patch:
        patch.setattr("jobset_client.dispatch._withdraw", lambda *_: None)
        client = JobManager.over(store, KilledSender(at=1), owner="ada")
        with pytest.raises(Killed):
            run(client)
    [job_set] = JobManager.over(store, ListSender(), owner="ada").job_sets()
    assert job_set.chunk_statuses() == [QUEUED, QUEUED, UNSENT]
    return job_set


def run(manager: JobManager, *, prefix: str = "c", size: int = 2) -> ManagedJobSet:
    return manager.run(
        circuits(6, prefix=prefix), ALIAS, max_experiments_per_job=size, idempotency_key="night 1"
    )


def test_the_rest_is_sent_and_nothing_else(
    manager: JobManager, sender: ListSender, store: Store, half_sent: ManagedJobSet
) -> None:
    set_id = half_sent.job_set_id()
    before = [store.payload(ChunkKey(set_id, index)) for index in (0, 1)]
    job_set = run(manager)
    assert job_set == half_sent
    assert sender.sent == [ChunkKey(set_id, 2)]
    assert [store.payload(ChunkKey(set_id, index)) for index in (0, 1)] == before
    FakeWorker(store, job_set).run_all()
    assert job_set.results(timeout=1).success
    # Then there is no rest any more
    run(manager)
    assert len(sender.sent) == 1


def test_what_was_given_up_meanwhile_is_sent_as_well(
    manager: JobManager, sender: ListSender, store: Store, half_sent: ManagedJobSet
) -> None:
    FakeWorker(store, half_sent).run(0)
    FakeWorker(store, half_sent).fail(1)
    assert store.fail_unsent(half_sent.job_set_id(), GIVEN_UP, idle_seconds=0) == 1
    store.settle_set(half_sent.job_set_id())
    job_set = run(manager)
    # What failed with a worker is not tried again
    assert job_set.chunk_statuses() == [DONE, FAILED, QUEUED]
    assert [key.index for key in sender.sent] == [2]
    assert store.live_sets() == [half_sent.job_set_id()]
    FakeWorker(store, job_set).run(2)
    assert job_set.chunk_statuses()[2] is DONE


def test_it_is_given_up_while_the_rest_is_on_its_way(
    manager: JobManager, store: Store, half_sent: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_chunks = store.add_chunks

    def late(set_id: str, *arguments: object) -> None:
        store.fail_unsent(set_id, GIVEN_UP, idle_seconds=0)
        add_chunks(set_id, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "add_chunks", late)
    assert run(manager).chunk_statuses() == [QUEUED] * 3


def test_two_that_go_on_at_once_are_harmless(
    manager: JobManager, store: Store, half_sent: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given another client that sends the rest, and a worker that runs it, between this
    # client's look and its sending
    add_chunks = store.add_chunks
    worker = FakeWorker(store, half_sent)

    def second(*arguments: object) -> None:
        monkeypatch.setattr(store, "add_chunks", add_chunks)
        run(JobManager.over(store, ListSender(), owner="ada"))
        worker.run(2)
        add_chunks(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "add_chunks", second)
    job_set = run(manager)
    assert job_set.chunk_statuses() == [QUEUED, QUEUED, DONE]
    assert job_set.counts()[QUEUED] == 2
    for index in (0, 1):
        worker.run(index)
    assert job_set.results(timeout=1).success


def test_a_cancelled_one_stays_cancelled(
    manager: JobManager, sender: ListSender, store: Store, half_sent: ManagedJobSet
) -> None:
    store.fail_unsent(half_sent.job_set_id(), GIVEN_UP, idle_seconds=0)
    half_sent.cancel()
    assert run(manager).record.cancelled
    assert sender.sent == []


def test_other_circuits_are_refused(manager: JobManager, half_sent: ManagedJobSet) -> None:
    with pytest.raises(ConfigurationError, match=r"circuit 0 has another name now \('d0'\)"):
        run(manager, prefix="d")
    assert half_sent.chunk_statuses() == [QUEUED, QUEUED, UNSENT]


def test_other_chunks_are_refused(manager: JobManager, half_sent: ManagedJobSet) -> None:
    with pytest.raises(ConfigurationError, match="give max_experiments_per_job=2"):
        run(manager, size=3)
    assert half_sent.chunk_statuses() == [QUEUED, QUEUED, UNSENT]


def test_a_generator_is_refused(manager: JobManager, half_sent: ManagedJobSet) -> None:
    with pytest.raises(ConfigurationError, match="as a list again"):
        manager.run(iter(circuits(6)), ALIAS, max_experiments_per_job=2, idempotency_key="night 1")


def test_a_set_from_a_generator_is_returned_as_it_is(
    manager: JobManager, sender: ListSender, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("jobset_client.dispatch._withdraw", lambda *_: None)
        client = JobManager.over(store, KilledSender(at=1), owner="ada")
        with pytest.raises(Killed):
            client.run(iter(circuits(6)), ALIAS, max_experiments_per_job=2, idempotency_key="k")
    again = manager.run(circuits(6), ALIAS, max_experiments_per_job=2, idempotency_key="k")
    assert again.chunk_statuses() == [QUEUED, QUEUED]
    assert not again.record.sealed
    assert sender.sent == []
