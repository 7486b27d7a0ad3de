from typing import Any

import pytest
from qiskit.providers import JobStatus

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import AS_IF_UNSPLIT, SAME_FOR_ALL, JobReference
from tests.contracts.provider_contract import RemoteProviderContract, superpositions
from tests.unit.worker import remote_backend
from tests.unit.worker.remote_backend import (
    HttpError,
    Site,
    SiteBackend,
    SiteJobFailureError,
)
from worker.providers.backend_v2 import create
from worker.providers.base import Payload, Poll, PollStatus, RemoteProvider

PAYLOAD = Payload(superpositions(2), 0)


def remote(factory: str = "retrieving", **options: Any) -> RemoteProvider:
    path = f"tests.unit.worker.remote_backend:{factory}"
    provider = create("site", {"backend": path, "local": False, **options})
    assert isinstance(provider, RemoteProvider)
    return provider


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site()
    monkeypatch.setattr(remote_backend, "SITE", site)
    return site


@pytest.fixture
def provider(site: Site) -> RemoteProvider:
    return remote()


@pytest.fixture
def reference(provider: RemoteProvider) -> JobReference:
    return provider.submit(PAYLOAD, tag="jobset-a", options={})


class TestRemoteBackend(RemoteProviderContract):
    @pytest.fixture
    def provider(self) -> RemoteProvider:
        return remote()

    @pytest.fixture
    def again(self) -> RemoteProvider:
        return remote()


@pytest.mark.parametrize("factory", ["retrieving", "by_get_job", "by_service"])
def test_a_job_is_found_again_the_way_the_client_has(factory: str, reference: JobReference) -> None:
    assert remote(factory).poll([reference]) == {reference: Poll(PollStatus.DONE)}


def test_the_tag_travels_where_the_table_says(site: Site) -> None:
    remote(tag_option="name").submit(PAYLOAD, tag="jobset-a", options={})
    remote().submit(PAYLOAD, tag="jobset-b", options={})

    assert site.tags == ["jobset-a", None]


def test_limits_and_policy_are_announced() -> None:
    capabilities = remote(max_shots=100).capabilities

    assert (capabilities.max_circuits, capabilities.max_shots) == (50, 100)
    assert capabilities.num_qubits == 3
    assert not capabilities.find
    assert not capabilities.resubmit_in_doubt


def test_seeds_are_moved_where_the_table_says_that_it_runs_on_aer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []

    def record(self: object, circuits: object, **options: Any) -> None:
        seeds.append(options["seed_simulator"])
        raise HttpError(400)

    monkeypatch.setattr(SiteBackend, "run", record)
    options = {"seed_simulator": 7}
    for provider, policy in (
        (remote(seeds="aer"), AS_IF_UNSPLIT),
        (remote(seeds="aer"), SAME_FOR_ALL),
        (remote(), AS_IF_UNSPLIT),
    ):
        with pytest.raises(ProviderError):
            provider.submit(Payload(superpositions(1), 10, policy), tag="a", options=options)

    assert seeds == [21137, 7, 7]


def test_a_backend_that_gives_every_chunk_the_same_seed_says_so() -> None:
    assert "every chunk gets the same seed" in remote().capabilities.description
    assert "seed" not in remote(seeds="aer").capabilities.description


def _caused_by(cause: Exception) -> Exception:
    error = RuntimeError("could not submit")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HttpError(429), FailureKind.LIMIT),
        (HttpError(400), FailureKind.REJECTED),
        (_caused_by(HttpError(422)), FailureKind.REJECTED),
        (HttpError(413), FailureKind.REJECTED),
        (HttpError(401), FailureKind.FATAL),
        (HttpError(403), FailureKind.FATAL),
        (HttpError(404), FailureKind.FATAL),
        (HttpError(408), FailureKind.UNCERTAIN),
        (HttpError(502), FailureKind.UNCERTAIN),
        (ConnectionResetError(), FailureKind.UNCERTAIN),
        (ValueError("no JSON in the reply"), FailureKind.UNCERTAIN),
    ],
)
def test_only_a_refusal_proves_that_there_is_no_job(
    provider: RemoteProvider, site: Site, error: Exception, kind: FailureKind
) -> None:
    site.refuses = error

    with pytest.raises(ProviderError, match="jobset-a") as caught:
        provider.submit(PAYLOAD, tag="jobset-a", options={})

    assert provider.classify(caught.value) is kind
    assert provider.classify(error) is kind


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (JobStatus.INITIALIZING, PollStatus.QUEUED),
        (JobStatus.RUNNING, PollStatus.RUNNING),
        (JobStatus.CANCELLED, PollStatus.CANCELLED),
        ("QUEUED", PollStatus.QUEUED),
        ("completed", PollStatus.DONE),
        ("a new word", PollStatus.RUNNING),
    ],
)
def test_statuses_are_read_in_every_spelling(
    provider: RemoteProvider,
    reference: JobReference,
    site: Site,
    says: JobStatus | str,
    status: PollStatus,
) -> None:
    site.jobs[reference.job_id].says = says

    assert provider.poll([reference])[reference] == Poll(status)


def test_a_failed_job_tells_why(
    provider: RemoteProvider, reference: JobReference, site: Site
) -> None:
    site.jobs[reference.job_id].says = JobStatus.ERROR

    assert provider.poll([reference])[reference] == Poll(
        PollStatus.FAILED, error="the ion fell out"
    )


def test_a_failed_job_whose_status_raises_is_failed(
    provider: RemoteProvider, reference: JobReference, site: Site
) -> None:
    site.jobs[reference.job_id].says = SiteJobFailureError("too hot")

    poll = provider.poll([reference])[reference]
    with pytest.raises(ProviderError, match="too hot") as caught:
        provider.result(reference, PAYLOAD)

    assert poll.status is PollStatus.FAILED
    assert "too hot" in str(poll.error)
    assert caught.value.kind is FailureKind.FATAL


def test_one_job_without_an_answer_does_not_hide_the_others(
    provider: RemoteProvider, reference: JobReference, site: Site
) -> None:
    other = provider.submit(PAYLOAD, tag="jobset-b", options={})
    site.jobs[other.job_id].says = JobStatus.RUNNING
    provider.poll([reference, other])
    site.jobs[other.job_id].says = HttpError(503)

    polls = provider.poll([reference, other])

    assert polls[reference].status is PollStatus.DONE
    assert polls[other].status is PollStatus.RUNNING
    assert "503" in str(polls[other].error)


def test_a_provider_that_is_away_is_no_lost_job(reference: JobReference, site: Site) -> None:
    site.retrieves = ConnectionError("away")

    with pytest.raises(ProviderError, match="away") as caught:
        remote().poll([reference])

    assert caught.value.kind is FailureKind.TRANSIENT


def test_a_result_that_cannot_be_fetched_is_asked_for_again(
    provider: RemoteProvider, reference: JobReference, site: Site
) -> None:
    site.jobs[reference.job_id].says = HttpError(503)

    with pytest.raises(ProviderError) as caught:
        provider.result(reference, PAYLOAD)

    assert caught.value.kind is FailureKind.TRANSIENT


def test_a_cancellation_tells_whether_it_was_taken(
    provider: RemoteProvider, reference: JobReference, site: Site
) -> None:
    site.jobs[reference.job_id].cancels = True
    assert provider.cancel(reference)

    site.jobs[reference.job_id].cancels = HttpError(409)
    assert not provider.cancel(reference)
