"""The remote fake adapter against the real service, in a process of its own."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobset_protocol.errors import FailureKind, ProviderError
from tests.contracts.provider_contract import RemoteProviderContract, ended, superpositions
from tests.fake_service import FakeServiceProcess
from worker.providers.base import Payload, PollStatus, RemoteProvider
from worker.providers.fake import create
from worker.providers.fake_behaviour import FakeBehaviour

PAYLOAD = Payload(superpositions(2), 0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServiceProcess]:
    service = FakeServiceProcess(tmp_path_factory.mktemp("fake"))
    service.start()
    yield service
    service.stop(signal.SIGKILL)


@pytest.fixture
def running(shared: FakeServiceProcess) -> FakeServiceProcess:
    """A service that other tests use too: no test may leave jobs that run for long."""
    shared.behave(**FakeBehaviour().model_dump())
    return shared


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FakeServiceProcess]:
    """A service of the test's own."""
    service = FakeServiceProcess(tmp_path)
    service.start()
    yield service
    service.stop(signal.SIGKILL)


def adapter(service: FakeServiceProcess, **options: Any) -> RemoteProvider:
    provider = create("fake", {"service_url": service.url, **options})
    assert isinstance(provider, RemoteProvider)
    return provider


class TestFakeRemoteProvider(RemoteProviderContract):
    @pytest.fixture
    def provider(self, running: FakeServiceProcess) -> RemoteProvider:
        return adapter(running)

    @pytest.fixture
    def again(self, running: FakeServiceProcess) -> RemoteProvider:
        return adapter(running)


def submission_failure(provider: RemoteProvider, tag: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.submit(PAYLOAD, tag=tag, options={})
    return caught.value


def test_jobs_outlive_the_service(service: FakeServiceProcess) -> None:
    provider = adapter(service)
    service.behave(run_seconds=0.2)
    before = provider.submit(PAYLOAD, tag="jobset-a", options={"shots": 5})

    service.stop(signal.SIGKILL)
    assert submission_failure(provider, "jobset-b").kind is FailureKind.TRANSIENT
    service.start()

    assert provider.find("jobset-a") == [before]
    assert ended(provider, before) is PollStatus.DONE
    assert provider.result(before, PAYLOAD).get_counts(1) == {"001": 5}
    assert service.stats()["tags"] == {"jobset-a": 1}


def test_duplicates_are_counted(service: FakeServiceProcess) -> None:
    provider = adapter(service)
    for tag in ("jobset-a", "jobset-b", "jobset-a"):
        provider.submit(PAYLOAD, tag=tag, options={})

    stats = service.stats()

    assert stats["submissions"] == 3
    assert stats["duplicates"] == {"jobset-a": 2}


def test_a_lost_reply_leaves_a_job_that_can_be_found(running: FakeServiceProcess) -> None:
    provider = adapter(running)
    running.behave(drop_rate=1.0)
    error = submission_failure(provider, "jobset-dropped")

    assert error.kind is FailureKind.UNCERTAIN
    assert len(provider.find("jobset-dropped")) == 1


def test_a_time_out_leaves_a_job_that_can_be_found(running: FakeServiceProcess) -> None:
    provider = adapter(running, timeout_seconds=0.3)
    running.behave(submit_latency_seconds=0.5)
    error = submission_failure(provider, "jobset-slow")

    assert error.kind is FailureKind.UNCERTAIN
    assert len(provider.find("jobset-slow")) == 1


def test_a_server_error_leaves_no_job(running: FakeServiceProcess) -> None:
    provider = adapter(running)
    running.behave(error_rate=1.0)
    error = submission_failure(provider, "jobset-500")

    assert error.kind is FailureKind.UNCERTAIN
    assert provider.find("jobset-500") == []


def test_a_full_service_asks_for_patience(service: FakeServiceProcess) -> None:
    provider = adapter(service)
    service.behave(run_seconds=60, max_pending=1, retry_after_seconds=0.5)
    held = provider.submit(PAYLOAD, tag="jobset-a", options={})

    error = submission_failure(provider, "jobset-b")

    assert (error.kind, error.retry_after_seconds) == (FailureKind.LIMIT, 0.5)
    assert provider.cancel(held)
    assert ended(provider, held) is PollStatus.CANCELLED
    provider.submit(PAYLOAD, tag="jobset-b", options={})


def test_a_queue_has_places(service: FakeServiceProcess) -> None:
    provider = adapter(service)
    service.behave(run_seconds=60, max_running=1)
    first, second, third = (provider.submit(PAYLOAD, tag=tag, options={}) for tag in "abc")

    polls = provider.poll([first, second, third])

    assert polls[first].status is PollStatus.RUNNING
    assert (polls[second].queue_position, polls[third].queue_position) == (1, 2)
    with pytest.raises(ProviderError, match="RUNNING") as caught:
        provider.result(first, PAYLOAD)
    assert caught.value.kind is FailureKind.TRANSIENT


def test_a_failed_job_says_why(running: FakeServiceProcess) -> None:
    provider = adapter(running)
    running.behave(fail_circuits=["c1"])
    reference = provider.submit(PAYLOAD, tag="jobset-a", options={})

    poll = provider.poll([reference])[reference]

    assert poll.status is PollStatus.FAILED
    assert "'c1'" in str(poll.error)
    with pytest.raises(ProviderError, match="'c1'") as caught:
        provider.result(reference, PAYLOAD)
    assert caught.value.kind is FailureKind.FATAL


def test_a_lost_job_is_lost(running: FakeServiceProcess) -> None:
    provider = adapter(running)
    running.behave(lost_rate=1.0)
    reference = provider.submit(PAYLOAD, tag="jobset-lost", options={})

    assert provider.poll([reference])[reference].status is PollStatus.LOST
    with pytest.raises(ProviderError, match="LOST") as caught:
        provider.result(reference, PAYLOAD)
    assert caught.value.kind is FailureKind.TRANSIENT
    assert running.stats()["tags"]["jobset-lost"] == 1


def test_a_refused_circuit_is_rejected(running: FakeServiceProcess) -> None:
    running.behave(reject_circuits=["c1"])
    error = submission_failure(adapter(running), "jobset-refused")

    assert error.kind is FailureKind.REJECTED
    assert "'c1'" in str(error)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/jobs", "no JSON", 400),
        ("POST", "/jobs", "[]", 400),
        ("POST", "/jobs", json.dumps({"tag": "a", "circuits": [["a", 1]]}), 400),
        ("POST", "/jobs", json.dumps({"tag": "a", "circuits": [], "qpy": "UUlTS0lU"}), 400),
        ("POST", "/jobs/status", json.dumps({"ids": "all"}), 400),
        ("GET", "/jobs", None, 400),
        ("GET", "/jobs/nobodys", None, 404),
        ("POST", "/jobs/nobodys/cancel", None, 404),
        ("GET", "/elsewhere", None, 404),
        ("PUT", "/config", json.dumps({"colour": 1}), 400),
    ],
)
def test_a_wrong_request_is_told(
    running: FakeServiceProcess, method: str, path: str, body: str | None, code: int
) -> None:
    response = httpx.request(method, running.url + path, content=body, trust_env=False)

    assert response.status_code == code
    assert response.json()["error"]


def test_it_starts_quickly_on_a_port_of_its_choice_and_stops_when_told(tmp_path: Path) -> None:
    service = FakeServiceProcess(tmp_path)
    started = time.monotonic()

    service.start(port=0)

    # 0.3 s on an idle machine; a start that imports qiskit takes some seconds on a busy one.
    assert time.monotonic() - started < 3
    assert service.stop() == 0
