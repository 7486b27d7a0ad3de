import io
import threading

import pytest
from rich.console import Console

from jobset_client import JobManager
from jobset_client.progress import show_progress
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from tests.unit.client.support import ALIAS, FakeWorker, circuits


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_follows_the_counts(console: Console) -> None:
    updates = [
        {ChunkStatus.QUEUED: 3, ChunkStatus.RUNNING: 1},
        {ChunkStatus.FAILED: 1, ChunkStatus.DONE: 3},
    ]
    show_progress("[bold]ghz", 10, updates, console=console)
    text = shown(console)
    assert "[bold]ghz" in text
    assert "4/4" in text
    assert "3 done · 1 failed" in text


def test_says_nothing_of_a_rate_before_anything_ended(console: Console) -> None:
    show_progress("ghz", 10, [{ChunkStatus.QUEUED: 2}], console=console)
    assert "circuits/s" not in shown(console)


def test_a_set_shows_its_progress_to_the_end(
    manager: JobManager, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    job_set = manager.run(circuits(4), ALIAS, name="flips", max_experiments_per_job=2)
    timer = threading.Timer(0.05, FakeWorker(store, job_set).run_all)
    timer.start()
    job_set.progress(timeout=10)
    timer.join()
    assert "2/2" in capsys.readouterr().out


def test_progress_ends_in_time(manager: JobManager) -> None:
    job_set = manager.run(circuits(4), ALIAS)
    with pytest.raises(JobSetTimeoutError):
        job_set.progress(timeout=0)
