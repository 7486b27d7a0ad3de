"""Sets are found again, kept as long as they are needed, and deleted."""

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet, deleting
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidStateError,
    JobSetNotFoundError,
)
from jobset_protocol.set_status import SetStatus
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from tests.known_keys import assert_no_leaked_key
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, announce, backend, circuits


@pytest.fixture
def done(manager: JobManager, store: Store) -> ManagedJobSet:
    job_set = manager.run(circuits(4), ALIAS, name="done", max_experiments_per_job=2)
    FakeWorker(store, job_set).run_all()
    return job_set


class TestFinding:
    def test_sets_are_counted_not_jobs(self, manager: JobManager) -> None:
        for _ in range(3):
            manager.run(circuits(6), ALIAS, max_experiments_per_job=1)
        assert len(manager.job_sets(limit=2)) == 2

    def test_by_everything_that_is_known(
        self, manager: JobManager, store: Store, done: ManagedJobSet
    ) -> None:
        others = JobManager.over(store, ListSender(), owner="bob")
        tagged = others.run(circuits(1), ALIAS, name="theirs", job_tags=["night"])
        for query, found in (
            ({}, [tagged, done]),
            ({"name": "done"}, [done]),
            ({"tag": "night"}, [tagged]),
            ({"owner": "ada"}, [done]),
            ({"backend": ALIAS}, [tagged, done]),
            ({"backend": "other"}, []),
            ({"status": "done"}, [done]),
            ({"status": SetStatus.QUEUED}, [tagged]),
            ({"until": tagged.record.created_at - 1e-6}, [done]),
            ({"limit": 1}, [tagged]),
        ):
            assert manager.job_sets(**query) == found, query

    def test_times_may_have_a_zone_or_be_local_or_seconds(
        self, manager: JobManager, done: ManagedJobSet
    ) -> None:
        created = done.record.created_at
        for since in (
            datetime.fromtimestamp(created - 1, tz=UTC),
            datetime.fromtimestamp(created - 1),  # noqa: DTZ006  (local time is what is meant)
            created - 1,
        ):
            assert manager.job_sets(since=since) == [done]
        assert manager.job_sets(since=datetime.fromtimestamp(created + 1, tz=UTC)) == []

    @pytest.mark.parametrize(
        "query",
        [
            {"status": "finished"},
            {"since": "yesterday"},
            {"until": float("nan")},
            {"limit": 0},
            {"limit": True},
            {"tag": 7},
            {"name": b"x"},
            {"backend": 7},
        ],
    )
    def test_wrong_arguments_are_named(self, manager: JobManager, query: dict[str, Any]) -> None:
        [name] = query
        with pytest.raises(ConfigurationError, match=f"{name}|status"):
            manager.job_sets(**query)


class TestDeleting:
    def test_every_call_on_a_deleted_set_says_so(
        self, manager: JobManager, store: Store, done: ManagedJobSet
    ) -> None:
        done.results()
        done.delete()
        for call in (
            done.results,
            done.counts,
            done.statuses,
            done.wait,
            done.cancel,
            done.jobs,
            done.delete,
            done.report,
            done.error_messages,
            done.retry,
            lambda: done.update_name("new"),
            lambda: done.update_retention(5),
            lambda: manager.retrieve_job_set(done.job_set_id()),
            lambda: manager.delete_job_set(done.job_set_id()),
        ):
            with pytest.raises(JobSetNotFoundError):
                call()
        assert manager.job_sets() == []
        assert_no_leaked_key(store)  # type: ignore[arg-type]

    def test_a_running_set_is_refused(self, manager: JobManager) -> None:
        job_set = manager.run(circuits(1), ALIAS)
        with pytest.raises(InvalidStateError, match="force"):
            job_set.delete()
        with pytest.raises(InvalidStateError, match="force"):
            manager.delete_job_set(job_set.job_set_id())
        assert job_set.counts()

    def test_force_cancels_and_deletes(self, manager: JobManager, store: Store) -> None:
        job_set = manager.run(circuits(2), ALIAS, max_experiments_per_job=1)
        FakeWorker(store, job_set).claim(0)
        job_set.delete(force=True)
        assert manager.job_sets() == []

    def test_force_waits_until_the_provider_was_told(
        self, manager: JobManager, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        job_set = manager.run(circuits(1), ALIAS)
        worker = FakeWorker(store, job_set)
        worker.submit(0, "job-1")

        def watcher_cancels() -> None:
            [record] = store.chunks([worker.key(0)])
            claim = store.claim_collection(record.key, backend=ALIAS, owner="w", lease_seconds=9)
            assert claim is not None
            store.finish(claim, ChunkStatus.CANCELLED, backend=ALIAS)

        timer = threading.Timer(0.05, watcher_cancels)
        timer.start()
        with caplog.at_level(logging.WARNING):
            job_set.delete(force=True)
        timer.join()
        assert caplog.records == []

    def test_jobs_that_run_on_are_named(
        self,
        manager: JobManager,
        store: Store,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(deleting, "CANCEL_SECONDS", 0.01)
        job_set = manager.run(circuits(1), ALIAS)
        FakeWorker(store, job_set).submit(0, "job-1")
        manager.delete_job_set(job_set.job_set_id(), force=True)
        assert "may still run jobs job-1" in caplog.text
        assert manager.job_sets() == []

    @pytest.mark.parametrize("job_set_id", ["0" * 32, "x", "../..", None])
    def test_an_unknown_set_is_not_found(self, manager: JobManager, job_set_id: str) -> None:
        with pytest.raises(JobSetNotFoundError):
            manager.delete_job_set(job_set_id)

    def test_who_waits_is_told(self, manager: JobManager, store: Store) -> None:
        job_set = manager.run(circuits(1), ALIAS)
        timer = threading.Timer(0.05, lambda: store.delete_set(job_set.job_set_id(), force=True))
        timer.start()
        with pytest.raises(JobSetNotFoundError):
            job_set.wait(timeout=30)
        timer.join()


class TestPruning:
    def test_only_what_ended_long_ago_goes(
        self, manager: JobManager, store: Store, done: ManagedJobSet
    ) -> None:
        manager.run(circuits(1), ALIAS, name="queued")
        assert manager.prune(timedelta(hours=1)) == []
        assert manager.prune(0, status="failed") == []
        assert [record.name for record in manager.prune(0, dry_run=True)] == ["done"]
        assert len(manager.job_sets()) == 2
        assert [record.name for record in manager.prune(0)] == ["done"]
        assert [job_set.name() for job_set in manager.job_sets()] == ["queued"]

    def test_age_is_counted_from_the_end(
        self, manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old, late = (manager.run(circuits(1), ALIAS, name=name) for name in ("old", "late"))
        FakeWorker(store, old).run_all()
        middle = store.now()
        FakeWorker(store, late).run_all()
        monkeypatch.setattr(store, "now", lambda: middle + 100)
        assert [record.name for record in manager.prune(100)] == ["old"]

    def test_what_is_tried_again_meanwhile_stays(
        self, manager: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_set = manager.run(circuits(1), ALIAS)
        FakeWorker(store, job_set).fail(0)
        find = store.find_sets

        def find_and_retry(**query: Any) -> Any:
            found = find(**query)
            job_set.retry()
            return found

        monkeypatch.setattr(store, "find_sets", find_and_retry)
        assert manager.prune(0) == []
        assert job_set.counts()

    @pytest.mark.parametrize("older_than", [-1, "1d", True, float("nan"), timedelta(days=-1)])
    def test_no_age_is_refused(self, manager: JobManager, older_than: float) -> None:
        with pytest.raises(ConfigurationError, match="older_than"):
            manager.prune(older_than)


class TestRetention:
    def test_a_set_goes_when_its_time_is_up(self, manager: JobManager, store: Store) -> None:
        job_set = manager.run(circuits(1), ALIAS, retention_seconds=1e-6)
        assert store.delete_expired() == []
        FakeWorker(store, job_set).run_all()
        assert store.delete_expired() == [job_set.job_set_id()]

    def test_it_can_be_changed(self, store: Store, done: ManagedJobSet) -> None:
        done.update_retention(1e-6)
        assert done.record.retention_seconds == 1e-6
        done.update_retention(None)
        assert store.delete_expired() == []
        done.update_retention(1e-6)
        assert store.delete_expired() == [done.job_set_id()]

    @pytest.mark.parametrize("seconds", [0, -5, float("inf"), "1d", True])
    def test_no_length_is_refused(self, done: ManagedJobSet, seconds: float) -> None:
        with pytest.raises(ConfigurationError, match="retention_seconds"):
            done.update_retention(seconds)


class TestIdempotency:
    def test_a_key_returns_the_set_that_was_made(
        self, manager: JobManager, store: Store, sender: ListSender
    ) -> None:
        first = manager.run(circuits(3), ALIAS, idempotency_key="night 1", shots=5, memory=True)
        again = manager.run(circuits(3), ALIAS, idempotency_key="night 1", memory=True, shots=5)
        elsewhere = JobManager.over(store, sender, owner="ada")
        third = elsewhere.run(
            iter(circuits(3)), ALIAS, idempotency_key="night 1", memory=True, shots=5
        )
        assert first == again == third
        assert {key.set_id for key in sender.sent} == {first.job_set_id()}
        assert len(sender.sent) == len(first.managed_jobs())
        assert manager.job_sets() == [first]

    def test_it_is_the_owners(self, manager: JobManager, store: Store) -> None:
        first = manager.run(circuits(1), ALIAS, idempotency_key="k")
        bob = JobManager.over(store, ListSender(), owner="bob")
        assert bob.run(circuits(1), ALIAS, idempotency_key="k") != first

    @pytest.mark.parametrize(
        ("count", "alias", "options", "said"),
        [
            (2, ALIAS, {"shots": 5}, "there are 2 circuits and were 1"),
            (1, "other", {"shots": 5}, "the backend is 'other' and was 'sim'"),
            (1, ALIAS, {"shots": 6}, r"options differ \(shots\)"),
            (1, ALIAS, {"shots": 5, "memory": True}, r"options differ \(memory\)"),
        ],
    )
    def test_another_run_under_the_same_key_is_refused(
        self,
        manager: JobManager,
        store: Store,
        count: int,
        alias: str,
        options: dict[str, Any],
        said: str,
    ) -> None:
        announce(store, backend(), replace(backend(), alias="other"))
        manager.run(circuits(1), ALIAS, idempotency_key="k", shots=5)
        with pytest.raises(ConfigurationError, match=said):
            manager.run(circuits(count), alias, idempotency_key="k", **options)
        assert len(manager.job_sets()) == 1

    def test_of_two_at_once_one_sends(
        self,
        manager: JobManager,
        store: Store,
        sender: ListSender,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given another client that takes the key after this one has looked for it
        rival_sender = ListSender()
        rival = JobManager.over(store, rival_sender, owner="ada")
        create = store.create_set
        made: list[ManagedJobSet] = []

        def create_second(*arguments: Any) -> None:
            monkeypatch.setattr(store, "create_set", create)
            made.append(rival.run(circuits(2), ALIAS, idempotency_key="k"))
            create(*arguments)

        monkeypatch.setattr(store, "create_set", create_second)
        assert manager.run(circuits(2), ALIAS, idempotency_key="k") == made[0]
        assert len(manager.job_sets()) == 1
        assert rival_sender.sent
        assert sender.sent == []

    def test_a_deleted_set_frees_its_key(self, manager: JobManager) -> None:
        first = manager.run(circuits(1), ALIAS, idempotency_key="k")
        first.delete(force=True)
        second = manager.run(circuits(2), ALIAS, idempotency_key="k")
        assert second != first
        assert second.counts()

    def test_a_set_that_was_sent_in_part_is_returned_as_it_is(
        self, manager: JobManager, sender: ListSender
    ) -> None:
        sender.fails_after = 0
        with pytest.raises(ConnectionError):
            manager.run(circuits(1), ALIAS, idempotency_key="k")
        sender.fails_after = None
        again = manager.run(circuits(1), ALIAS, idempotency_key="k")
        assert again.record.cancelled

    @pytest.mark.parametrize("key", ["", "a\nb", 7, "x" * 201])
    def test_a_malformed_key_is_refused(self, manager: JobManager, key: Any) -> None:
        with pytest.raises(ConfigurationError, match="idempotency_key"):
            manager.run(circuits(1), ALIAS, idempotency_key=key)
