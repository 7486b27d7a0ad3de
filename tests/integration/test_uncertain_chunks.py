"""An uncertain chunk from its beginning to its end: a provider without tags, a worker, a person."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore
from tests.servers import ValkeyServer
from tests.support import wait_until
from tests.unit.client.cli_support import Cli
from tests.unit.client.support import ListSender, announce, backend, circuits, counts_of
from tests.unit.worker import remote_backend
from tests.unit.worker.remote_backend import RetrievingBackend, Site, SiteBackend
from tests.unit.worker.stand_ins import RecordingDispatcher
from worker.execution import Execution
from worker.providers.backend_v2 import create
from worker.providers.backend_v2_remote import RemoteBackendProvider
from worker.steps import ServedBackend
from worker.watched import Pace, Watch
from worker.watcher import Watcher

DONE, FAILED, UNCERTAIN = ChunkStatus.DONE, ChunkStatus.FAILED, ChunkStatus.UNCERTAIN


class Rig:
    """A provider's site, a worker and a watcher for it, and a client; all but the store here."""

    def __init__(self, store: RedisStore, site: Site) -> None:
        alias = f"b{uuid.uuid4().hex[:8]}"
        path = "tests.unit.worker.remote_backend:retrieving"
        table = {"backend": path, "local": False, "tag_option": "name"}
        provider = create(alias, table)
        assert isinstance(provider, RemoteBackendProvider)
        provider.capabilities = replace(provider.capabilities, find_lag_seconds=0.0)
        served = ServedBackend(alias, provider)
        self.store, self.site, self.alias = store, site, alias
        self.sender, self.dispatcher = ListSender(), RecordingDispatcher()
        self.manager = JobManager.over(store, self.sender, owner="ada")
        self._worker = Execution(
            store, {alias: served}, self.dispatcher, owner="w1", lease_seconds=30.0
        )
        pace = Pace(lease_seconds=30.0, poll_min_seconds=0.01, poll_max_seconds=0.01)
        self._watcher = Watcher(Watch(store, served, self.dispatcher, pace))
        store.require_epoch()
        announce(store, replace(backend(), alias=alias, local=False))

    def submit(self) -> ManagedJobSet:
        return self.manager.run(
            circuits(3), self.alias, name=self.alias, max_experiments_per_job=1, shots=10
        )

    def work(self, job_set: ManagedJobSet) -> list[ChunkStatus]:
        """Deliver messages and poll until the set's end; returns how its chunks ended."""

        def is_over() -> bool:
            for outbox in (self.sender.sent, self.dispatcher.submits):
                while outbox:
                    self._worker.submit_chunk(outbox.pop(0))
            self._watcher.attend()
            while self.dispatcher.collects:
                self._worker.collect_chunk(self.dispatcher.collects.pop(0))
            return all(status.is_final for status in self.store.statuses(job_set.job_set_id()))

        wait_until(is_over, description="the set's end")
        return job_set.chunk_statuses()

    def jobs_tagged(self, record_tag: str) -> list[str]:
        """Return what a person finds in the provider's own list of jobs."""
        return [f"site-{at}" for at, tag in enumerate(self.site.tags) if tag == record_tag]


@pytest.fixture
def rig(shared_valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    site = Site()
    monkeypatch.setattr(remote_backend, "SITE", site)
    store = shared_valkey.store()
    yield Rig(store, site)
    store.close()


def lose(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Lose the first ``request``, or the first ``reply``; from the client both look the same."""
    lost: list[str] = []

    def run(self: SiteBackend, run_input: Any, **options: Any) -> Any:
        if what == "request" and not lost:
            lost.append(what)
            raise ConnectionResetError
        job = SiteBackend.run(self, run_input, **options)
        if what == "reply" and not lost:
            lost.append(what)
            raise ConnectionResetError
        return job

    monkeypatch.setattr(RetrievingBackend, "run", run)


def settled(rig: Rig, job_set: ManagedJobSet, ends: list[ChunkStatus]) -> None:
    """See that a set is at its end, and that every chunk has one job at the provider, at most."""
    assert rig.work(job_set) == ends
    assert rig.store.set_record(job_set.job_set_id()).finished_at > 0
    assert job_set.job_set_id() not in rig.store.live_sets()
    results = job_set.results(timeout=5)
    for index, end in enumerate(ends):
        if end is DONE:
            assert results.get_counts(index) == counts_of(index)
    assert len(rig.site.tags) == len(set(rig.site.tags)) == len(rig.site.jobs)
    assert rig.store.scheduled(rig.alias, job_set.layout.keys) == [False] * len(ends)


def test_the_job_is_there(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, "reply")
    job_set = rig.submit()
    assert rig.work(job_set) == [UNCERTAIN, DONE, DONE]
    [job_id] = rig.jobs_tagged(job_set.chunk_record(0).tag)

    job_set.resolve(0, job_id=job_id)

    settled(rig, job_set, [DONE, DONE, DONE])
    assert len(rig.site.jobs) == 3


def test_the_job_is_not_there(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, "request")
    job_set = rig.submit()
    assert rig.work(job_set) == [UNCERTAIN, DONE, DONE]
    assert rig.jobs_tagged(job_set.chunk_record(0).tag) == []

    job_set.resolve(0, resubmit=True)

    settled(rig, job_set, [DONE, DONE, DONE])
    assert len(rig.site.jobs) == 3


def test_nobody_finds_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, "request")
    job_set = rig.submit()
    assert rig.work(job_set) == [UNCERTAIN, DONE, DONE]

    job_set.resolve(give_up=True)

    settled(rig, job_set, [FAILED, DONE, DONE])
    assert len(rig.site.jobs) == 2


def test_a_job_that_does_not_exist_leaves_it_uncertain(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, "request")
    job_set = rig.submit()
    rig.work(job_set)

    job_set.resolve(0, job_id="a-typo")

    assert rig.work(job_set) == [UNCERTAIN, DONE, DONE]
    assert "a-typo" in (job_set.error_messages() or "")
    job_set.resolve(0, resubmit=True)
    settled(rig, job_set, [DONE, DONE, DONE])


@pytest.mark.parametrize(
    ("lost", "options", "ends"),
    [
        ("reply", ["--job", "0", "--job-id"], [DONE, DONE, DONE]),
        ("request", ["--resubmit"], [DONE, DONE, DONE]),
        ("request", ["--give-up"], [FAILED, DONE, DONE]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else value,
)
def test_on_the_command_line(
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    options: list[str],
    ends: list[ChunkStatus],
) -> None:
    lose(monkeypatch, lost)
    job_set = rig.submit()
    rig.work(job_set)
    cli = Cli(rig.store, rig.manager)
    name = job_set.job_set_id()[:12]
    tag = cli.json("show", name, "--json")["chunk_list"][0]["tag"]
    assert tag in cli("show", name).stdout

    found = rig.jobs_tagged(tag)
    assert cli.json("resolve", name, *options, *found, "--json") == [0]

    settled(rig, job_set, ends)
    assert len(rig.site.jobs) == ends.count(DONE)
