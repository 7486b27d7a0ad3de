"""The stand-in's service does wrong as it is told, and judges what is asked of it."""

import contextlib
import signal
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobset_protocol.errors import FailureKind, ProviderError
from tests.contracts.provider_contract import superpositions
from tests.faults.fleet import Provider
from tests.standins.troubles import ServiceTroubles
from tests.support import wait_until
from worker.providers.base import Payload, RemoteProvider
from worker.providers.fake import create
from worker.providers.fake_behaviour import FakeBehaviour

PAYLOAD = Payload(superpositions(1), 0)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    directory: Path = tmp_path_factory.mktemp("service")
    service = Provider(directory)
    yield service
    service.member.send(signal.SIGTERM)
    assert service.member.process.wait(timeout=10) == 0


@pytest.fixture
def service(started: Provider) -> Provider:
    """A service that does nothing wrong until it is told to."""
    started.behave(**FakeBehaviour().model_dump(), **ServiceTroubles().model_dump())
    return started


@pytest.fixture
def provider(service: Provider) -> RemoteProvider:
    provider = create("fake", {"service_url": service.url, "timeout_seconds": 0.3})
    assert isinstance(provider, RemoteProvider)
    return provider


def submission_failure(provider: RemoteProvider, tag: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.submit(PAYLOAD, tag=tag, options={})
    return caught.value


def entries(service: Provider, tag: str) -> list[dict[str, Any]]:
    reply = httpx.get(f"{service.url}/ledger", params={"kind": "submit"}).raise_for_status()
    return [entry for entry in reply.json()["entries"] if entry["subject"] == tag]


@pytest.mark.parametrize(
    ("trouble", "kind", "wish", "jobs"),
    [
        ("full", FailureKind.LIMIT, 0.25, 0),
        ("unavailable", FailureKind.UNCERTAIN, 0.25, 0),
        ("cut", FailureKind.UNCERTAIN, None, 0),
        ("silent", FailureKind.UNCERTAIN, None, 0),
        ("bad_gateway", FailureKind.UNCERTAIN, 0.25, 1),
        ("dropped", FailureKind.UNCERTAIN, None, 1),
        ("silent_after", FailureKind.UNCERTAIN, None, 1),
    ],
)
def test_a_submission_meets_its_trouble(
    service: Provider,
    provider: RemoteProvider,
    trouble: str,
    kind: FailureKind,
    wish: float | None,
    jobs: int,
) -> None:
    service.behave(submit={f"{trouble}_rate": 1.0}, retry_after_seconds=0.25)

    error = submission_failure(provider, trouble)

    assert (error.kind, error.retry_after_seconds) == (kind, wish)
    assert len(provider.find(trouble)) == jobs
    [entry] = entries(service, trouble)
    assert (entry["trouble"], entry["retry_after_seconds"], len(entry["jobs"])) == (
        trouble, wish, jobs,
    )  # fmt: skip


def test_a_reply_that_the_behaviour_drops_is_entered_too(
    service: Provider, provider: RemoteProvider
) -> None:
    service.behave(drop_rate=1.0)
    submission_failure(provider, "lost-reply")

    [entry] = entries(service, "lost-reply")

    assert (entry["trouble"], entry["answer"], len(entry["jobs"])) == ("dropped", None, 1)


def test_a_request_that_came_twice_makes_two_jobs_and_names_the_second(
    service: Provider, provider: RemoteProvider
) -> None:
    service.behave(submit={"repeated_rate": 1.0}, run_seconds=60)

    named = provider.submit(PAYLOAD, tag="twice", options={})

    oldest, newest = provider.find("twice")
    assert named == newest
    assert provider.cancel(newest)
    stats = service.stats()
    assert (stats["tags"]["twice"], stats["standing"]["twice"]) == (2, 1)
    assert provider.cancel(oldest)


def test_a_submission_before_its_time_is_too_early(
    service: Provider, provider: RemoteProvider
) -> None:
    service.behave(submit={"full_rate": 1.0}, retry_after_seconds=60)
    before = service.stats()["too_early"]
    submission_failure(provider, "hasty")
    service.behave(submit={})
    provider.submit(PAYLOAD, tag="of another tag", options={})
    assert service.stats()["too_early"] == before

    provider.submit(PAYLOAD, tag="hasty", options={})

    assert service.stats()["too_early"] == before + 1


def test_a_submission_after_its_time_is_not(service: Provider, provider: RemoteProvider) -> None:
    service.behave(submit={"full_rate": 1.0}, retry_after_seconds=0.0)
    before = service.stats()["too_early"]
    submission_failure(provider, "patient")
    service.behave(submit={})

    provider.submit(PAYLOAD, tag="patient", options={})

    assert service.stats()["too_early"] == before


def test_a_wish_may_be_a_date(service: Provider, provider: RemoteProvider) -> None:
    service.behave(submit={"full_rate": 1.0}, retry_after_seconds=100, retry_after_is_a_date=True)

    error = submission_failure(provider, "dated")

    assert error.retry_after_seconds is not None
    assert 95 < error.retry_after_seconds < 102
    reply = httpx.post(f"{service.url}/jobs", json={"tag": "dated"})
    assert parsedate_to_datetime(reply.headers["Retry-After"])


def test_a_new_job_is_listed_late(service: Provider, provider: RemoteProvider) -> None:
    service.behave(index_lag_seconds=0.3)
    job = provider.submit(PAYLOAD, tag="unlisted", options={})

    assert provider.find("unlisted") == []
    assert job in provider.poll([job])
    wait_until(lambda: provider.find("unlisted") == [job], description="the job to be listed")


@pytest.mark.parametrize("trouble", ["full", "unavailable", "cut", "silent", "garbage"])
def test_questions_meet_their_troubles(
    service: Provider, provider: RemoteProvider, trouble: str
) -> None:
    job = provider.submit(PAYLOAD, tag=f"asked-{trouble}", options={})
    before = service.stats()["troubles"]
    rates = {f"{trouble}_rate": 1.0}
    service.behave(find=rates, poll=rates, result=rates, cancel=rates)

    for ask in (
        lambda: provider.find("asked"),
        lambda: provider.poll([job]),
        lambda: provider.result(job, PAYLOAD),
        lambda: provider.cancel(job),
    ):
        # Garbage raises whatever it may.
        with contextlib.suppress(Exception):
            ask()

    after = service.stats()["troubles"]
    for kind in ("find", "poll", "result", "cancel"):
        assert after[kind][trouble] == before.get(kind, {}).get(trouble, 0) + 1


def test_a_slow_answer_comes(service: Provider, provider: RemoteProvider) -> None:
    service.behave(submit={"slow_rate": 1.0, "slow_seconds": 0.1})

    provider.submit(PAYLOAD, tag="slow", options={})

    [entry] = entries(service, "slow")
    assert (entry["trouble"], entry["answer"]) == ("slow", 201)


def test_the_first_requests_meet_what_is_named(service: Provider, provider: RemoteProvider) -> None:
    service.behave(submit={"first": ["cut", "full"]})

    for _ in range(2):
        submission_failure(provider, "first")
    provider.submit(PAYLOAD, tag="first", options={})

    assert [entry["trouble"] for entry in entries(service, "first")] == ["cut", "full", None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"find": {"first": ["repeated"]}},
        {"submit": {"colour": 1}},
        {"submit": {"full_rate": 0.6, "cut_rate": 0.6}},
        {"colour": 1},
    ],
)
def test_switches_that_do_not_exist_are_refused(service: Provider, wrong: dict[str, Any]) -> None:
    assert httpx.put(f"{service.url}/config", json=wrong).status_code == 400
