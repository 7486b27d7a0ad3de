"""Results of chunks: what is fetched when, and what is kept."""

from collections.abc import Iterable

import pytest

from jobset_client import JobManager, ManagedJobSet, chunk_results
from jobset_client.chunk_results import ChunkResult, RecentResults
from jobset_protocol.codecs.result import encode_result
from jobset_protocol.errors import ResultNotAvailableError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, circuits, counts_of, result_of

CHUNKS = 16


@pytest.fixture
def job_set(manager: JobManager, store: MemoryStore) -> ManagedJobSet:
    job_set = manager.run(circuits(CHUNKS), ALIAS, max_experiments_per_job=1)
    FakeWorker(store, job_set).run_all()
    return job_set


@pytest.fixture
def reads(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    reads: list[list[int]] = []
    read = store.results

    def recording_read(keys: Iterable[ChunkKey]) -> list[bytes | None]:
        wanted = list(keys)
        reads.append([key.index for key in wanted])
        return read(wanted)

    monkeypatch.setattr(store, "results", recording_read)
    return reads


@pytest.fixture
def nothing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_results, "MOST_AT_ONCE_BYTES", 0)


@pytest.mark.usefixtures("nothing_at_once")
def test_large_results_stay_in_the_store_until_they_are_looked_at(
    job_set: ManagedJobSet, reads: list[list[int]]
) -> None:
    results = job_set.results()
    assert (results.success, reads) == (True, [])
    assert results.get_counts(CHUNKS - 1) == counts_of(CHUNKS - 1)
    assert reads == [[CHUNKS - 1]]
    results.get_counts(CHUNKS - 1)
    results.data(CHUNKS - 1)
    assert reads == [[CHUNKS - 1]]


@pytest.mark.usefixtures("nothing_at_once")
def test_each_fetch_brings_twice_as_many(job_set: ManagedJobSet, reads: list[list[int]]) -> None:
    results = job_set.results()
    assert [results.get_counts(index) for index in range(CHUNKS)] == [
        counts_of(index) for index in range(CHUNKS)
    ]
    assert [len(read) for read in reads] == [1, 2, 4, 8, 1]
    assert sorted(index for read in reads for index in read) == list(range(CHUNKS))


@pytest.mark.usefixtures("nothing_at_once")
def test_what_is_kept_is_not_fetched_again(job_set: ManagedJobSet, reads: list[list[int]]) -> None:
    results = job_set.results()
    for index in (2, 1, 0):
        results.get_counts(index)
    assert reads == [[2], [1, 3], [0, 4, 5, 6]]


@pytest.mark.usefixtures("nothing_at_once")
def test_a_fetch_has_a_limit_in_bytes(
    job_set: ManagedJobSet, reads: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_results, "MOST_AHEAD_BYTES", 1)
    job_set.results().combine_results()
    assert reads == [[index] for index in range(CHUNKS)]


@pytest.mark.usefixtures("nothing_at_once")
def test_what_was_fetched_first_is_dropped_first(
    job_set: ManagedJobSet, reads: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_results, "MOST_AHEAD_BYTES", 1)
    monkeypatch.setattr(chunk_results, "MOST_KEPT_BYTES", 1)
    job_set.results()
    for index in (3, 3, 4, 3):
        job = job_set.jobs()[index]
        assert job is not None
        job.result()
    assert reads == [[3], [4], [3]]


@pytest.mark.usefixtures("nothing_at_once")
def test_a_result_that_is_gone_is_named(job_set: ManagedJobSet, store: MemoryStore) -> None:
    results = job_set.results()
    store.client.flushall()
    with pytest.raises(ResultNotAvailableError, match=r"chunk 5 .* is gone from the store"):
        results.get_counts(5)


def test_small_results_outlive_the_store(job_set: ManagedJobSet, store: MemoryStore) -> None:
    results = job_set.results()
    store.client.flushall()
    assert results.get_counts(5) == counts_of(5)


def test_decoded_results_are_forgotten_when_there_are_too_many() -> None:
    recent = RecentResults(most_bytes=10)
    blob = encode_result(result_of(["c"], 0))
    one, two, three = (ChunkResult(lambda: blob, recent) for _ in range(3))
    for chunk in (one, two, three):
        recent.put(chunk, chunk.fresh(), 4)
        recent.get(one)
    assert [recent.get(chunk) is not None for chunk in (one, two, three)] == [True, False, True]


def test_one_decoded_result_is_kept_whatever_its_size() -> None:
    recent = RecentResults(most_bytes=0)
    blob = encode_result(result_of(["c"], 0))
    chunk = ChunkResult(lambda: blob, recent)
    assert chunk.shared is chunk.shared
    other = ChunkResult(lambda: blob, recent)
    assert other.shared is other.shared
    assert recent.get(chunk) is None
