"""A doubt is settled by what the provider answers, whenever it does answer."""

import pytest

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import ChunkKey, ChunkRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.support import wait_until
from tests.unit.worker.stand_ins import ALIAS, Bench, SteeredRemote
from worker.steps import MAX_TRIES


def in_doubt(bench: Bench, chunks: int = 1) -> list[ChunkKey]:
    keys = bench.add_set(chunks)
    for key in keys:
        taken = bench.store.claim(key, backend=ALIAS, owner="w", lease_seconds=30)
        assert taken
        bench.store.intend(taken[0])
        bench.store.doubt(taken[0], backend=ALIAS)
    return keys


def chunk(bench: Bench, key: ChunkKey) -> ChunkRecord:
    [record] = bench.store.chunks([key])
    return record


def test_look_ups_that_fail_wait_together_as_long_as_the_provider_wished(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    keys = in_doubt(bench, 3)
    asked = []

    def busy(tag: str) -> list[JobReference]:
        asked.append(tag)
        raise ProviderError("busy", kind=FailureKind.LIMIT, retry_after_seconds=3600.0)

    monkeypatch.setattr(provider, "find", busy)
    for _ in range(3):
        bench.make_due()

    assert len(asked) == 1
    assert {chunk(bench, key).status for key in keys} == {ChunkStatus.IN_DOUBT}
    assert "cannot be looked up, again in" in caplog.text
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due > 3500


def test_an_old_answer_is_no_proof_that_there_is_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = SteeredRemote(find_lag_seconds=10.0)
    bench = Bench(provider)
    [key] = in_doubt(bench)
    now = bench.store.now
    late = 0.0
    monkeypatch.setattr(bench.store, "now", lambda: now() + late)

    def answer_late(tag: str) -> list[JobReference]:
        nonlocal late
        late = 60.0
        return []

    monkeypatch.setattr(provider, "find", answer_late)
    bench.make_due()

    assert chunk(bench, key).status is ChunkStatus.IN_DOUBT


def test_submissions_that_make_no_job_end_some_day() -> None:
    provider = SteeredRemote()
    bench = Bench(provider)
    [key] = bench.add_set()

    def fail() -> None:
        raise ProviderError("out of order", kind=FailureKind.UNCERTAIN)

    provider.before_submit = fail
    for _ in range(MAX_TRIES):
        bench.worker.submit_chunk(key)
        wait_until(
            lambda: bench.make_due() and chunk(bench, key).status is not ChunkStatus.IN_DOUBT,
            description="the doubt to be settled",
        )

    record = chunk(bench, key)
    assert record.status is ChunkStatus.FAILED
    assert record.error is not None
    assert record.error.message == f"given up after {MAX_TRIES} attempts: out of order"


def test_the_next_submission_waits_longer_each_time() -> None:
    bench = Bench(SteeredRemote())
    [key] = in_doubt(bench)

    bench.make_due()

    assert chunk(bench, key).status is ChunkStatus.QUEUED
    due = bench.store.next_due_seconds(ALIAS)
    assert due is not None
    assert due > 0.4
