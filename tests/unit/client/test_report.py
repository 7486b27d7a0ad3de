import threading

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.store import Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, FakeWorker, circuits


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(
        circuits(8), ALIAS, name="flips", max_experiments_per_job=2, job_tags=["a", "b"]
    )


@pytest.fixture
def worker(store: Store, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


def test_the_report_has_the_originals_layout(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.fail(1, "bad gate\nsecond line")
    worker.fail(2, "refused", where="submit")
    set_id = job_set.job_set_id()
    assert job_set.report() == "\n".join(
        [
            "Job set name: flips",
            f"          ID: {set_id}",
            "        tags: ['a', 'b']",
            "Summary report:",
            "       Total jobs: 4",
            "  Successful jobs: 1",
            "      Failed jobs: 2",
            "   Cancelled jobs: 0",
            "     Running jobs: 0",
            "     Pending jobs: 1",
            "",
            "Detail report:",
            "  experiments: 0-1",
            "    job index: 0",
            f"    job ID: {set_id}-0",
            "    name: flips_0_",
            "    status: job has successfully run",
            "  experiments: 2-3",
            "    job index: 1",
            f"    job ID: {set_id}-1",
            "    name: flips_1_",
            "    status: job incurred error",
            "    error_message:",
            "      bad gate",
            "      second line",
            "  experiments: 4-5",
            "    job index: 2",
            "    status: job submit failed: refused",
            "  experiments: 6-7",
            "    job index: 3",
            f"    job ID: {set_id}-3",
            "    name: flips_3_",
            "    status: job is queued",
            "    queue position: None",
        ]
    )


def test_a_summary_has_no_details(job_set: ManagedJobSet) -> None:
    summary = job_set.report(detailed=False)
    assert summary.endswith("     Pending jobs: 4")
    assert "Detail" not in summary


def test_error_messages_name_the_failed_only(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run(0)
    worker.fail(1, "bad gate\nsecond line")
    worker.fail(2, "refused", where="submit")
    worker.run(3)
    assert job_set.error_messages() == "\n".join(
        [
            f"Experiments 2-3, job index=1, job ID={job_set.job_set_id()}-1, fatal:",
            "  bad gate",
            "  second line",
            "Experiments 4-5, job index=2, not submitted, rejected:",
            "  refused",
        ]
    )


def test_no_failure_no_message(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    worker.run_all()
    assert job_set.error_messages() is None


def test_error_messages_wait_for_the_end(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    for index in (0, 1, 2):
        worker.run(index)
    assert job_set.error_messages(timeout=0) is None
    timer = threading.Timer(0.05, worker.fail, [3, "late"])
    timer.start()
    message = job_set.error_messages()
    timer.join()
    assert message is not None
    assert "late" in message


def test_a_failure_without_a_reason_is_told_too(worker: FakeWorker, job_set: ManagedJobSet) -> None:
    from jobset_protocol.statuses import ChunkStatus

    claim, _ = worker.claim(0)
    worker.finish(claim, ChunkStatus.FAILED)
    assert "no reason was recorded" in job_set.report()


def test_the_managers_report_covers_its_sets(
    manager: JobManager, worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    worker.submit(0, "provider-job-0")
    other = manager.run(circuits(1), ALIAS, name="other")
    report = manager.report()
    assert "       Total jobs: 5" in report
    assert f"  Job set name: flips, ID: {job_set.job_set_id()}" in report
    assert f"  Job set name: other, ID: {other.job_set_id()}" in report
    for job in [*job_set.jobs(), *other.jobs()]:
        assert job is not None
        assert f"    job ID: {job.job_id()}" in report
    assert "Detail" not in manager.report(detailed=False)


def test_the_managers_report_keeps_sets_that_were_let_go(manager: JobManager, store: Store) -> None:
    set_id = manager.run(circuits(1), ALIAS).job_set_id()
    assert set_id in manager.report()


def test_an_empty_report(manager: JobManager) -> None:
    assert "       Total jobs: 0" in manager.report()


def test_control_characters_are_replaced_visibly(
    worker: FakeWorker, job_set: ManagedJobSet
) -> None:
    for index in (0, 2, 3):
        worker.run(index)
    worker.fail(1, "\x1b[2Jbad\rgood\r\nsecond\x00 line")
    for text in (job_set.report(), job_set.error_messages() or ""):
        assert "\N{REPLACEMENT CHARACTER}[2Jbad\N{REPLACEMENT CHARACTER}good\n" in text
        assert "second\N{REPLACEMENT CHARACTER} line" in text
        assert all(line.isprintable() for line in text.split("\n"))


def lose(store: MemoryStore, job_set: ManagedJobSet) -> None:
    for key in store.client.scan_iter(f"*{job_set.job_set_id()}*"):
        store.client.delete(key)


def test_a_set_that_is_gone_is_not_found(store: MemoryStore, job_set: ManagedJobSet) -> None:
    lose(store, job_set)
    for detailed in (True, False):
        with pytest.raises(JobSetNotFoundError, match=job_set.job_set_id()):
            job_set.report(detailed)
    with pytest.raises(JobSetNotFoundError, match=job_set.job_set_id()):
        job_set.jobs()


@pytest.mark.parametrize("detailed", [True, False])
def test_the_managers_report_names_what_is_gone_and_goes_on(
    manager: JobManager, store: MemoryStore, job_set: ManagedJobSet, detailed: bool
) -> None:
    kept = manager.run(circuits(1), ALIAS, name="kept")
    lose(store, job_set)
    report = manager.report(detailed)
    assert "       Total jobs: 1" in report
    gone = f"Gone from the store:\n  Job set name: flips, ID: {job_set.job_set_id()}"
    assert report.endswith(gone)
    assert (f"  Job set name: kept, ID: {kept.job_set_id()}" in report) is detailed
