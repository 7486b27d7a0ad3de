import threading
from dataclasses import replace

import pytest

from jobset_client import JobManager
from jobset_client.cli.errors import ExitCode
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import ErrorRecord, SetRecord
from jobset_protocol.store import Store
from tests.unit.client.cli_support import Cli, lines
from tests.unit.client.support import ALIAS, FakeWorker, announce, backend, circuits

EVIL = "\x1b[31m[bold]evil\r\nname\u202e"


def test_ls_is_empty_at_first(cli: Cli) -> None:
    result = cli("ls")
    assert result.stdout == ""
    assert "jobset demo" in result.stderr


def test_ls_lists_the_newest_first(cli: Cli, manager: JobManager, store: Store) -> None:
    old = manager.run(circuits(4), ALIAS, name="old", max_experiments_per_job=2)
    FakeWorker(store, old).run_all()
    manager.run(circuits(1), ALIAS, name="new")

    new_row, old_row = lines(cli("ls"))

    assert new_row[1:6] == ["new", ALIAS, "1", "0/1", "queued"]
    assert old_row[:6] == [old.job_set_id()[:12], "old", ALIAS, "4", "2/2", "done"]


def test_ls_filters_and_limits(cli: Cli, manager: JobManager) -> None:
    for name in ("a", "b", "a"):
        manager.run(circuits(1), ALIAS, name=name)

    assert [row[1] for row in lines(cli("ls", "--name", "a"))] == ["a", "a"]
    limited = cli("ls", "--limit", "2")
    assert len(lines(limited)) == 2
    assert "There are more" in limited.stderr
    assert [entry["name"] for entry in cli.json("ls", "--json")] == ["a", "b", "a"]


def test_hostile_names_are_harmless(cli: Cli, store: Store) -> None:
    # Given a set that no client of ours wrote
    record = SetRecord("5f" * 16, EVIL, EVIL, EVIL, 1, 1, tags=(EVIL,))
    store.create_set(record, encode_document([EVIL]))

    # When it is shown
    texts = [cli(*command).output for command in (("ls",), ("show", "5f5f5f5f"))]

    # Then nothing of it reaches the terminal but letters, and markup stays text
    for text in texts:
        assert not {"\x1b", "\r", "\u202e"} & set(text)
        assert "[bold]evil" in text
    assert len(lines(cli("ls"))) == 1
    assert cli.json("show", "5f5f5f5f", "--json")["name"] == EVIL


def test_show_reports_and_says_why_chunks_failed(
    cli: Cli, manager: JobManager, store: Store
) -> None:
    job_set = manager.run(circuits(4), ALIAS, name="flips", max_experiments_per_job=2, shots=10)
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.fail(1, "the dilution\nrefrigerator is warm")

    shown = cli("show", "flips").stdout

    assert job_set.report(detailed=False) in shown
    assert "shots=10" in shown
    assert "the dilution refrigerator is warm" in shown


def test_show_cuts_long_sets_but_never_failures(
    cli: Cli, manager: JobManager, store: Store
) -> None:
    job_set = manager.run(circuits(30), ALIAS, name="long", max_experiments_per_job=1)
    FakeWorker(store, job_set).fail(29)

    result = cli("show", "long")

    assert "boom" in result.stdout
    assert "10 chunks more" in result.stderr
    assert cli("show", "long", "--all").stderr == ""
    assert len(cli.json("show", "long", "--json")["chunk_list"]) == 30


def test_show_puts_the_halves_in_the_place_of_a_refused_chunk(
    cli: Cli, manager: JobManager, store: Store
) -> None:
    job_set = manager.run(circuits(8), ALIAS, name="flips", max_experiments_per_job=4)
    worker = FakeWorker(store, job_set)
    claim, _ = worker.claim(0)
    refusal = ErrorRecord("ProviderError", "no such gate", FailureKind.REJECTED, "run")
    store.split(claim, job_set.record, backend=ALIAS, error=refusal)

    shown = cli.json("show", "flips", "--json")

    assert shown["chunks"] == 3
    spans = [(chunk["first_circuit"], chunk["last_circuit"]) for chunk in shown["chunk_list"]]
    assert spans == [(0, 1), (2, 3), (4, 7)]
    assert "split" not in cli("show", "flips").stdout


def test_a_set_is_found_by_id_part_of_id_and_name(cli: Cli, manager: JobManager) -> None:
    set_id = manager.run(circuits(1), ALIAS, name="only").job_set_id()
    for reference in (set_id, set_id[:12], set_id[:4], "only"):
        assert cli.json("show", reference, "--json")["id"] == set_id


def test_a_name_of_several_sets_is_refused(cli: Cli, manager: JobManager) -> None:
    sets = [manager.run(circuits(1), ALIAS, name="twin") for _ in range(2)]
    result = cli("cancel", "twin", code=ExitCode.NOT_FOUND)
    assert all(job_set.job_set_id()[:12] in result.stderr for job_set in sets)
    assert not any(cli.json("show", each.job_set_id(), "--json")["cancelled"] for each in sets)


def test_what_could_be_a_name_or_an_id_is_refused(cli: Cli, manager: JobManager) -> None:
    first = manager.run(circuits(1), ALIAS, name="first").job_set_id()
    manager.run(circuits(1), ALIAS, name=first[:8])
    assert "2 job sets" in cli("cancel", first[:8], code=ExitCode.NOT_FOUND).stderr


@pytest.mark.parametrize("reference", ["0" * 32, "abcd", "no", ""])
def test_an_unknown_set_is_not_found(cli: Cli, reference: str) -> None:
    cli("show", reference, code=ExitCode.NOT_FOUND)


def test_cancel_tells_what_it_could_not_stop(cli: Cli, manager: JobManager, store: Store) -> None:
    job_set = manager.run(circuits(3), ALIAS, name="late", max_experiments_per_job=1)
    worker = FakeWorker(store, job_set)
    worker.run(0)
    worker.submit(1, "job-1")

    said = cli("cancel", "late").stderr

    assert "cancelled 1 chunk" in said
    assert "1 chunk had left" in said


def test_cancelling_what_has_ended_changes_nothing(
    cli: Cli, manager: JobManager, store: Store
) -> None:
    FakeWorker(store, manager.run(circuits(1), ALIAS, name="over")).run_all()
    assert "nothing is left" in cli("cancel", "over").stderr
    assert cli.json("show", "over", "--json")["cancelled"] is False


def test_watch_follows_to_the_end(cli: Cli, manager: JobManager, store: Store) -> None:
    job_set = manager.run(circuits(4), ALIAS, name="w", max_experiments_per_job=2)
    timer = threading.Timer(0.05, FakeWorker(store, job_set).run_all)
    timer.start()

    result = cli("watch", "w", "--timeout", "10")

    timer.join()
    assert result.stdout == ""
    assert result.stderr.splitlines()[-2:] == ["2 of 2 chunks: 2 done", "w: done."]


def test_watch_tells_failure_and_its_reason(cli: Cli, manager: JobManager, store: Store) -> None:
    FakeWorker(store, manager.run(circuits(1), ALIAS, name="bad")).fail(0, "too hot")
    assert "too hot" in cli("watch", "bad", code=ExitCode.FAILED).stderr


def test_watch_gives_up_in_time(cli: Cli, manager: JobManager) -> None:
    manager.run(circuits(1), ALIAS, name="slow")
    result = cli("watch", "slow", "--timeout", "0", code=ExitCode.TIMED_OUT)
    assert "goes on" in result.stderr


def test_interrupting_leaves_the_set_alone(
    cli: Cli, manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_set = manager.run(circuits(1), ALIAS, name="patient")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "wait", interrupt)
    result = cli("watch", "patient", code=ExitCode.INTERRUPTED)

    assert f"jobset watch {job_set.job_set_id()[:12]}" in result.stderr
    assert not store.set_record(job_set.job_set_id()).cancelled


def test_backends_counts_who_serves_them(cli: Cli, store: Store) -> None:
    assert lines(cli("backends")) == [[ALIAS, "test", "local", "1"]]
    store.depart("w1")
    [entry] = cli.json("backends", "--json")
    assert (entry["alias"], entry["workers"], entry["max_circuits"]) == (ALIAS, 0, None)


def test_backends_shows_limits_and_prices(cli: Cli, store: Store) -> None:
    prices: dict[str, float | str] = {"job": 0.3, "shot": 0.00035, "currency": "USD"}
    announce(store, replace(backend(), max_bytes=5_000_000, max_executions=900, prices=prices))
    result = cli("backends")
    assert "MAX EXECUTIONS" in result.stdout
    assert "5,000,000" in result.stdout
    assert "0.3 a job + 0.00035 a shot USD" in result.stdout
    [entry] = cli.json("backends", "--json")
    assert entry["prices"] == prices
