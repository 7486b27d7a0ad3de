import threading

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_client.cli.errors import ExitCode
from jobset_protocol.store import Store
from tests.unit.client.cli_support import Cli, lines
from tests.unit.client.support import ALIAS, FakeWorker, circuits, counts_of


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(circuits(6), ALIAS, name="flips", max_experiments_per_job=2)


@pytest.fixture
def worker(store: Store, job_set: ManagedJobSet) -> FakeWorker:
    return FakeWorker(store, job_set)


def test_json_holds_every_circuit_in_order(cli: Cli, worker: FakeWorker) -> None:
    worker.run_all()
    document = cli.json("results", "flips", "--format", "json")
    assert document["success"] is True
    assert [entry["name"] for entry in document["results"]] == [f"c{i}" for i in range(6)]
    assert [entry["counts"] for entry in document["results"]] == [counts_of(i) for i in range(6)]


def test_table(cli: Cli, worker: FakeWorker) -> None:
    worker.run_all()
    rows = lines(cli("results", "flips"))
    assert rows[3] == ["3", "c3", "10", "0000011:", "10"]
    assert len(rows) == 6


def test_limit_tells_what_it_leaves_out(cli: Cli, worker: FakeWorker) -> None:
    worker.run_all()
    result = cli("results", "flips", "--limit", "2")
    assert len(lines(result)) == 2
    assert "4 circuits more" in result.stderr


@pytest.mark.parametrize("circuit", ["c4", "4", "-2"])
def test_one_circuit_by_name_or_index(cli: Cli, worker: FakeWorker, circuit: str) -> None:
    worker.run_all()
    shown = cli("results", "flips", "--circuit", circuit).stdout
    assert "c4 (circuit 4), 10 shots" in shown
    assert "0000100       10  100.0 %  ████" in shown
    [entry] = cli.json("results", "flips", "--circuit", circuit, "--format", "json")["results"]
    assert entry["index"] == 4


def test_a_name_that_looks_like_an_index_is_a_name(
    cli: Cli, manager: JobManager, store: Store
) -> None:
    named = circuits(2)
    named[1].name = "0"
    FakeWorker(store, manager.run(named, ALIAS, name="digits")).run_all()
    assert "0 (circuit 1)" in cli("results", "digits", "--circuit", "0").stdout


@pytest.mark.parametrize("circuit", ["c9", "6", "-7", ""])
def test_an_unknown_circuit_is_not_found(cli: Cli, worker: FakeWorker, circuit: str) -> None:
    cli("results", "flips", "--circuit", circuit, code=ExitCode.NOT_FOUND)


def test_a_failed_chunk_leaves_the_others_readable(cli: Cli, worker: FakeWorker) -> None:
    worker.run(0)
    worker.fail(1, "too hot")
    worker.run(2)

    document = cli.json("results", "flips", "--format", "json", code=ExitCode.FAILED)

    assert document["success"] is False
    assert [entry["success"] for entry in document["results"]] == [True] * 2 + [False] * 2 + [
        True
    ] * 2
    assert "too hot" in document["results"][2]["error"]
    assert "too hot" in cli("results", "flips", code=ExitCode.FAILED).stdout
    assert "too hot" in cli("results", "flips", "--circuit", "c2", code=ExitCode.FAILED).stdout


def test_waits_for_the_end(cli: Cli, worker: FakeWorker) -> None:
    timer = threading.Timer(0.05, worker.run_all)
    timer.start()
    assert len(lines(cli("results", "flips", "--timeout", "10"))) == 6
    timer.join()


def test_gives_up_in_time(cli: Cli, worker: FakeWorker) -> None:
    result = cli("results", "flips", "--timeout", "0", code=ExitCode.TIMED_OUT)
    assert result.stdout == ""


@pytest.mark.parametrize("timeout", [[], ["--timeout", "0"], ["--timeout", "0.01"]])
def test_partial_takes_what_is_there(cli: Cli, worker: FakeWorker, timeout: list[str]) -> None:
    worker.run(1)
    result = cli("results", "flips", "--partial", *timeout)
    assert [row[2:] for row in lines(result)][2] == ["10", "0000010:", "10"]
    assert "until now" in result.stderr
