from pathlib import Path

import pytest

from jobset_client.cli.diagnosis import Finding, Level, check_cluster, check_server, check_workers
from jobset_client.cli.errors import ExitCode
from jobset_client.cli.versions import installed
from jobset_client.supervision.status import ClusterStatus, ProcessState, ProcessStatus
from jobset_protocol.errors import StoreUnavailableError
from jobset_protocol.messages import BackendSpec, WorkerRecord
from jobset_protocol.store import ServerReport, Store
from tests.unit.client.cli_support import Cli
from tests.unit.client.support import ALIAS

HERE = installed("jobset") or "unknown"


def alive(store: Store, role: str, *aliases: str, local: bool = True, version: str = HERE) -> None:
    specs = [BackendSpec(alias, "test", local=local, qpy_version=13) for alias in aliases]
    record = WorkerRecord(f"{role}-{aliases}", role, "here", 1, aliases, {"jobset": version})
    store.announce(record, specs, ttl_seconds=60)


@pytest.fixture
def whole(store: Store) -> Store:
    """A store with a worker and a watcher."""
    store.depart("w1")
    alive(store, "worker", ALIAS)
    alive(store, "watcher", ALIAS)
    return store


def told(findings: list[Finding], level: Level) -> list[str]:
    return [finding.message for finding in findings if finding.level is level]


def test_all_is_well(cli: Cli, whole: Store) -> None:
    document = cli.json("doctor", "--json")
    assert document["ok"] is True
    assert {finding["level"] for finding in document["findings"]} == {"fine"}
    assert "0 problems, 0 warnings" in cli("doctor").stderr


def test_without_a_worker_there_is_a_problem(cli: Cli, store: Store) -> None:
    store.depart("w1")
    shown = cli("doctor", code=ExitCode.FAILED).stdout
    assert "✗ workers       none is alive" in shown
    assert "! watchers      none is alive" in shown
    assert "→ start one with `jobset worker`" in shown
    assert f"no live worker serves '{ALIAS}'" in shown


def test_a_remote_backend_needs_a_watcher_that_has_it(whole: Store) -> None:
    alive(whole, "worker", "far", local=False)
    [warning] = told(list(check_workers(whole)), Level.WARNING)
    assert "no live watcher polls 'far'" in warning


def test_another_version_is_pointed_out(whole: Store) -> None:
    alive(whole, "worker", "old", version="0.0.1")
    [warning] = told(list(check_workers(whole)), Level.WARNING)
    assert "jobset 0.0.1" in warning


def test_an_unfit_server_is_a_problem(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    report = ServerReport("redis", "6.0", ("it is too old",), ("it forgets",))
    monkeypatch.setattr(store, "check_server", lambda: report)
    findings = list(check_server(store, "redis://here"))
    assert told(findings, Level.PROBLEM) == ["it is too old"]
    assert told(findings, Level.WARNING) == ["it forgets"]


def test_a_store_without_an_identity_is_pointed_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "epoch", lambda: None)
    [warning] = told(list(check_server(store, "redis://here")), Level.WARNING)
    assert "no identity" in warning


def test_a_clock_that_is_wrong_is_pointed_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = store.now()
    monkeypatch.setattr(store, "now", lambda: now + 3600)
    [warning] = told(list(check_server(store, "redis://here")), Level.WARNING)
    assert "ahead of" in warning


def test_messages_that_nobody_could_read_are_shown(cli: Cli, whole: Store) -> None:
    whole.set_aside("\x1b[31mrubbish")
    shown = cli("doctor").stdout
    assert "1 message could not be read" in shown
    assert "rubbish" in shown
    assert "\x1b" not in shown


def test_a_server_that_does_not_answer_is_a_problem(
    cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> ServerReport:
        raise StoreUnavailableError("the store does not answer")

    monkeypatch.setattr(store, "check_server", fail)
    assert "✗ server" in cli("doctor", code=ExitCode.FAILED).stdout


def test_processes_of_a_local_cluster() -> None:
    processes = (
        ProcessStatus("valkey", ProcessState.RUNNING, 1, 0.0, restarts=2),
        ProcessStatus("worker", ProcessState.RESTARTING, None, 0.0, restarts=9),
        ProcessStatus("watcher", ProcessState.RUNNING, 3, 0.0, restarts=0),
    )
    status = ClusterStatus(Path("/c"), running=True, uptime_seconds=75.0, processes=processes)
    findings = list(check_cluster(status))
    assert told(findings, Level.FINE) == ["3 processes, up for 1 min 15 s"]
    assert told(findings, Level.WARNING) == ["valkey was restarted 2 times"]
    assert told(findings, Level.PROBLEM) == ["worker is restarting"]
    assert findings[2].advice == "see /c/logs/worker.log"
