from collections.abc import Iterable

import numpy as np
import pytest
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.result import Result

from jobset_client import JobManager, ManagedJobSet, ManagedResults, chunk_results
from jobset_protocol.codecs.result import decode_result, encode_result
from jobset_protocol.errors import (
    AmbiguousNameError,
    CircuitNotFoundError,
    ConfigurationError,
    JobSetTimeoutError,
    ResultNotAvailableError,
)
from jobset_protocol.messages import ChunkKey
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, circuits, counts_of


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(circuits(10), ALIAS, name="flips", max_experiments_per_job=4)


@pytest.fixture
def worker(store: MemoryStore, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


@pytest.fixture
def results(worker: FakeWorker, job_set: ManagedJobSet) -> ManagedResults:
    worker.run_all()
    return job_set.results(timeout=5)


def test_every_circuit_has_its_own_counts(results: ManagedResults) -> None:
    assert results.success
    assert results.backend_name == ALIAS
    assert [results.get_counts(i) for i in range(10)] == [counts_of(i) for i in range(10)]
    assert results.get_counts() == [counts_of(i) for i in range(10)]


def test_circuits_are_found_in_every_way(results: ManagedResults) -> None:
    circuit = circuits(8)[7]
    for experiment in (7, -3, np.int64(7), "c7", circuit):
        assert results.get_counts(experiment) == counts_of(7)
    assert results.data(7) == {"counts": {"0x7": 10}}


@pytest.mark.parametrize("experiment", [10, -11, "c10", 1.5])
def test_circuits_that_are_not_there(results: ManagedResults, experiment: int) -> None:
    with pytest.raises(CircuitNotFoundError):
        results.get_counts(experiment)


def test_an_ambiguous_name(manager: JobManager, store: MemoryStore) -> None:
    job_set = manager.run([*circuits(2), *circuits(1)], ALIAS)
    FakeWorker(store, job_set).run_all()
    results = job_set.results()
    with pytest.raises(AmbiguousNameError, match="0, 2"):
        results.get_counts("c0")
    assert results.get_counts(2) == counts_of(2)


def test_only_counts_stand_for_all_circuits(results: ManagedResults) -> None:
    with pytest.raises(ConfigurationError, match="which of the 10 circuits"):
        results.data()


def test_the_only_circuit_needs_no_name(manager: JobManager, store: MemoryStore) -> None:
    job_set = manager.run(circuits(1), ALIAS)
    FakeWorker(store, job_set).run_all()
    results = job_set.results()
    assert results.get_counts() == counts_of(0)
    assert results.data() == {"counts": {"0x0": 10}}


@pytest.mark.parametrize("what", ["memory", "statevector", "unitary"])
def test_data_that_was_not_asked_for(results: ManagedResults, what: str) -> None:
    with pytest.raises(ResultNotAvailableError, match=f"circuit 3 has no {what}"):
        getattr(results, f"get_{what}")(3)


def test_what_a_caller_changes_stays_the_callers(results: ManagedResults) -> None:
    results.data(0)["counts"]["0x0"] = 99
    combined = results.combine_results()
    combined.results[0].data.counts["0x0"] = 77
    combined.results.clear()
    assert results.get_counts(0) == counts_of(0)
    assert len(results.combine_results().results) == 10


def test_all_results_are_read_in_one_pipeline_and_once(
    store: MemoryStore, worker: FakeWorker, job_set: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[list[int]] = []
    read = store.results

    def recording_read(keys: Iterable[ChunkKey]) -> list[bytes | None]:
        wanted = list(keys)
        reads.append([key.index for key in wanted])
        return read(wanted)

    monkeypatch.setattr(store, "results", recording_read)
    worker.run_all()
    job_set.results()
    job_set.results()
    assert reads == [[0, 1, 2]]
    job_set.results(refresh=True)
    assert reads == [[0, 1, 2]] * 2


def test_a_chunk_is_decoded_when_looked_at_and_once(
    results: ManagedResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def recording_decode(blob: bytes) -> Result:
        decoded.append(len(blob))
        return decode_result(blob)

    monkeypatch.setattr(chunk_results, "decode_result", recording_decode)
    results.get_counts(0)
    results.get_counts(3)
    assert len(decoded) == 1


def test_partial_results_are_what_is_there(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(1)
    with pytest.raises(JobSetTimeoutError, match="1 of 3 chunks"):
        job_set.results(timeout=0)
    results = job_set.results(timeout=0, partial=True)
    assert not results.success
    assert results.get_counts(4) == counts_of(4)
    with pytest.raises(ResultNotAvailableError, match="circuit 0 has no result: chunk 0 is queued"):
        results.get_counts(0)


def test_later_results_are_complete(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(1)
    early = job_set.results(timeout=0, partial=True)
    worker.run(0)
    worker.run(2)
    late = job_set.results(timeout=5)
    assert late.success
    assert late.get_counts(9) == counts_of(9)
    with pytest.raises(ResultNotAvailableError, match="refresh=True"):
        early.get_counts(9)


def test_a_failed_chunk_does_not_hide_the_others(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    worker.run(0)
    worker.fail(1, "bad gate")
    worker.run(2)
    results = job_set.results(timeout=5)
    assert not results.success
    assert results.get_counts(9) == counts_of(9)
    with pytest.raises(ResultNotAvailableError, match=r"circuit 5 .* chunk 1 failed: bad gate"):
        results.get_counts(5)


def test_good_circuits_of_a_failed_chunk_are_readable(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    worker.run(0)
    worker.run(1, failed=[2])
    worker.run(2)
    results = job_set.results(timeout=5)
    assert not results.success
    assert results.get_counts(5) == counts_of(5)
    with pytest.raises(ResultNotAvailableError, match=r"circuit 6 .*no such gate"):
        results.get_counts(6)


def test_a_cancelled_set_has_results_as_far_as_it_came(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    worker.run(0)
    job_set.cancel()
    results = job_set.results(timeout=5)
    assert not results.success
    assert results.get_counts(1) == counts_of(1)
    with pytest.raises(ResultNotAvailableError, match="cancelled"):
        results.get_counts(4)


def test_a_result_that_is_gone_is_not_a_success(
    store: MemoryStore, worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    worker.run(0)
    worker.run(1)
    claim, _ = worker.claim(2)
    worker.finish(claim, ChunkStatus.DONE)
    assert not job_set.results().success


def test_the_combined_result_equals_an_unsplit_run(manager: JobManager, store: MemoryStore) -> None:
    made = circuits(10)
    simulator = BasicSimulator()
    unsplit = simulator.run(made, shots=10).result()
    job_set = manager.run(made, ALIAS, max_experiments_per_job=3)
    worker = FakeWorker(store, job_set)
    for index, chunk in job_set.layout:
        claim, _ = worker.claim(index)
        own = simulator.run(made[chunk.start : chunk.stop], shots=10).result()
        worker.finish(claim, ChunkStatus.DONE, result=encode_result(own))
    combined = job_set.results().combine_results()
    assert combined.success
    assert combined.job_id == job_set.job_set_id()
    assert combined.backend_name == unsplit.backend_name
    assert combined.status == unsplit.status
    assert combined.get_counts() == unsplit.get_counts()
    names = [experiment.header["name"] for experiment in combined.results]
    assert names == [circuit.name for circuit in made]


def test_missing_circuits_keep_their_place(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.fail(0, "bad gate")
    worker.run(1)
    worker.run(2)
    combined = job_set.results().combine_results(partial=True)
    assert not combined.success
    assert len(combined.results) == 10
    assert combined.backend_name == "device"
    assert combined.results[3].header["name"] == "c3"
    assert combined.results[3].status == "chunk 0 failed: bad gate"
    assert combined.get_counts(4) == counts_of(4)


def test_only_a_whole_set_combines_unless_asked(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.run(1, failed=[0, 3])
    worker.fail(2, "bad gate")
    results = job_set.results()
    with pytest.raises(ResultNotAvailableError, match=r"4 of the 10 circuits .* \(4, 7, 8, 9; "):
        results.combine_results()
    combined = results.combine_results(partial=True)
    assert [each.success for each in combined.results] == [
        index not in (4, 7, 8, 9) for index in range(10)
    ]
    assert combined.get_counts(5) == counts_of(5)


def test_a_set_without_any_result_combines_too(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    for index in range(3):
        worker.fail(index)
    combined = job_set.results().combine_results(partial=True)
    assert (len(combined.results), combined.success, combined.backend_name) == (10, False, ALIAS)


def test_the_whole_run_is_described_once(results: ManagedResults) -> None:
    combined = results.combine_results()
    assert combined.backend_version == "1.2.3"
    assert combined.time_taken == 1.5
    assert combined.metadata == {"omp_enabled": True}
