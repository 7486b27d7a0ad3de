"""Find, delete, prune, export, import and retry on the command line."""

import csv
import io
from pathlib import Path

import click
import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_client.cli import confirmation
from jobset_client.cli.errors import ExitCode
from jobset_protocol.messages import ErrorRecord, SetRecord
from jobset_protocol.store import Store
from tests.unit.client.cli_support import Cli, lines
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, circuits


@pytest.fixture
def done(manager: JobManager, store: Store) -> ManagedJobSet:
    job_set = manager.run(
        circuits(4), ALIAS, name="done", max_experiments_per_job=2, job_tags=["night"]
    )
    FakeWorker(store, job_set).run_all()
    return job_set


def names(cli: Cli, *options: str) -> list[str]:
    return [entry["name"] for entry in cli.json("ls", "--json", *options)]


class TestLs:
    def test_a_set_is_found_without_its_id(
        self, cli: Cli, store: Store, done: ManagedJobSet
    ) -> None:
        JobManager.over(store, ListSender(), owner="bob").run(circuits(1), ALIAS, name="theirs")
        assert names(cli, "--tag", "night") == ["done"]
        assert names(cli, "--owner", "bob") == ["theirs"]
        assert names(cli, "--status", "done") == ["done"]
        assert names(cli, "--backend", "other") == []
        assert names(cli, "--since", "2h") == ["theirs", "done"]
        assert names(cli, "--since", "2030-01-01T00:00:00+00:00") == []
        assert "No job set fits" in cli("ls", "--tag", "day").stderr

    @pytest.mark.parametrize("since", ["yesterday", "2x", "-3d", "99999-01-01"])
    def test_a_time_that_is_none_is_refused(self, cli: Cli, since: str) -> None:
        assert "is no time" in cli("ls", "--since", since, code=ExitCode.USAGE).stderr

    def test_an_abandoned_set_failed(self, cli: Cli, store: Store) -> None:
        # Given a client that died while it was sending
        record = SetRecord("5f" * 16, "left", ALIAS, "me", 0, 1, sealed=False)
        store.create_set(record, b"")
        store.fail_unsent(record.set_id, ErrorRecord("ClientLost", "gone"), idle_seconds=0)
        assert lines(cli("ls"))[0][5] == "failed"
        assert names(cli, "--status", "failed") == ["left"]


class TestDelete:
    def test_it_is_gone(self, cli: Cli, done: ManagedJobSet) -> None:
        assert cli.json("delete", "done", "--yes", "--json") == [done.job_set_id()]
        assert names(cli) == []
        cli("delete", "done", "--yes", code=ExitCode.NOT_FOUND)

    def test_without_a_terminal_it_needs_a_yes(self, cli: Cli, done: ManagedJobSet) -> None:
        assert "--yes" in cli("delete", "done", code=ExitCode.USAGE).stderr
        assert names(cli) == ["done"]

    def test_in_a_terminal_it_asks(
        self, cli: Cli, done: ManagedJobSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def ask(question: str, **_: object) -> bool:
            asked.append(question)
            return len(asked) > 1

        monkeypatch.setattr(confirmation, "_is_interactive", lambda: True)
        monkeypatch.setattr(click, "confirm", ask)
        assert "Nothing" in cli("delete", "done", code=ExitCode.FAILED).stderr
        assert names(cli) == ["done"]
        cli("delete", "done")
        assert asked[0] == f"done ({done.job_set_id()[:12]}, 4 circuits) will be deleted.  Go on?"
        assert names(cli) == []

    def test_a_running_set_needs_force(self, cli: Cli, manager: JobManager) -> None:
        manager.run(circuits(1), ALIAS, name="runs")
        assert "not final" in cli("delete", "runs", "--yes", code=ExitCode.FAILED).stderr
        cli("delete", "runs", "--yes", "--force")
        assert names(cli) == []

    def test_several_at_once(self, cli: Cli, manager: JobManager, done: ManagedJobSet) -> None:
        manager.run(circuits(1), ALIAS, name="other")
        cli("delete", "done", "nothing", "--yes", code=ExitCode.NOT_FOUND)
        assert names(cli) == ["other", "done"]
        cli("delete", "done", "other", "--yes", "--force")
        assert names(cli) == []


class TestPrune:
    def test_what_ended_long_ago_goes(self, cli: Cli, done: ManagedJobSet) -> None:
        assert "No job set is that old" in cli("prune", "30d", "--yes").stderr
        dry = cli("prune", "0s", "--dry-run")
        assert "1 job set would be deleted" in dry.stderr
        assert lines(dry)[0][1] == "done"
        assert cli.json("prune", "0s", "--status", "failed", "--yes", "--json") == []
        cli("prune", "0s", code=ExitCode.USAGE)
        assert names(cli) == ["done"]
        assert cli.json("prune", "0s", "--yes", "--json") == [done.job_set_id()]
        assert names(cli) == []

    def test_an_age_that_is_none_is_refused(self, cli: Cli) -> None:
        assert "say 90min" in cli("prune", "long", code=ExitCode.USAGE).stderr


class TestArchives:
    def test_a_set_goes_out_and_comes_back(
        self, cli: Cli, done: ManagedJobSet, tmp_path: Path
    ) -> None:
        path = tmp_path / "done.zip"
        exported = cli("export", "done", str(path))
        assert exported.stdout.strip() == str(path)
        cli("delete", "done", "--yes")
        assert cli("import", str(path)).stdout.strip() == done.job_set_id()
        assert cli.json("import", str(path), "--json")["outcome"] == "done"
        assert cli.json("results", "done", "--format", "json")["success"] is True

    def test_a_file_is_replaced_only_by_force(
        self, cli: Cli, done: ManagedJobSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        name = f"{done.job_set_id()[:12]}.zip"
        assert cli("export", "done").stdout.strip() == name
        assert "--force" in cli("export", "done", name, code=ExitCode.USAGE).stderr
        cli("export", "done", "--force")

    def test_a_file_that_is_no_archive_is_refused(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "x.zip").write_text("no")
        refused = cli("import", str(tmp_path / "x.zip"), code=ExitCode.FAILED)
        assert "not an archive of Jobset" in refused.stderr
        cli("import", str(tmp_path / "none.zip"), code=ExitCode.USAGE)


class TestRetry:
    def test_what_failed_is_queued_again(
        self, cli: Cli, manager: JobManager, store: Store, sender: ListSender
    ) -> None:
        job_set = manager.run(circuits(3), ALIAS, name="half", max_experiments_per_job=1)
        worker = FakeWorker(store, job_set)
        worker.run(0)
        worker.fail(1)
        worker.fail(2)
        sender.sent.clear()
        assert cli.json("retry", "half", "--kind", "transient", "--json") == []
        assert cli.json("retry", "half", "--kind", "fatal", "--kind", "limit", "--json") == [1, 2]
        assert [key.index for key in sender.sent] == [1, 2]
        assert "nothing to try again" in cli("retry", "half").stderr

    def test_what_was_cancelled_only_when_asked(self, cli: Cli, manager: JobManager) -> None:
        manager.run(circuits(1), ALIAS, name="gone").cancel()
        assert "nothing to try again" in cli("retry", "gone").stderr
        assert "1 chunk queued again" in cli("retry", "gone", "--cancelled").stderr


class TestRows:
    def test_csv(self, cli: Cli, done: ManagedJobSet, tmp_path: Path) -> None:
        text = cli("results", "done", "--format", "csv").stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["name"], row["outcome"], row["count"]) for row in rows][3] == (
            "c3",
            "0000011",
            "10",
        )
        cli("results", "done", "--format", "csv", "--output", str(tmp_path / "r.csv"))
        assert (tmp_path / "r.csv").read_text() == text
        one = cli("results", "done", "--format", "csv", "--circuit", "c2").stdout
        assert len(one.splitlines()) == 2

    def test_parquet(self, cli: Cli, done: ManagedJobSet, tmp_path: Path) -> None:
        from pyarrow import parquet

        path = tmp_path / "r.parquet"
        cli("results", "done", "--format", "parquet", "--output", str(path), "--limit", "3")
        assert parquet.read_table(path).column("circuit").to_pylist() == [0, 1, 2]

    def test_format_and_output_must_fit(self, cli: Cli, done: ManagedJobSet) -> None:
        cli("results", "done", "--format", "parquet", code=ExitCode.USAGE)
        cli("results", "done", "--output", "rows.csv", code=ExitCode.USAGE)
