"""What the remote fake adapter makes of a service's replies; no sockets."""

import json
import time
from email.utils import formatdate

import httpx
import pytest

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import AS_IF_UNSPLIT, SAME_FOR_ALL, JobReference
from tests.contracts.provider_contract import superpositions
from worker.providers.base import Payload
from worker.providers.fake_remote import FakeRemoteOptions, FakeRemoteProvider

PAYLOAD = Payload(superpositions(2), 0)
JOB = JobReference("fake-1")


def answering(reply: httpx.Response | Exception) -> FakeRemoteProvider:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        return reply

    options = FakeRemoteOptions(service_url="http://service")
    return FakeRemoteProvider("fake", options, transport=httpx.MockTransport(handle))


def submission_failure(reply: httpx.Response | Exception) -> ProviderError:
    provider = answering(reply)
    with pytest.raises(ProviderError) as caught:
        provider.submit(PAYLOAD, tag="jobset-a", options={})
    assert provider.classify(caught.value) is caught.value.kind
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.ConnectError("refused"), FailureKind.TRANSIENT),
        (httpx.ConnectTimeout("slow"), FailureKind.TRANSIENT),
        (httpx.ReadTimeout("slow"), FailureKind.UNCERTAIN),
        (httpx.WriteTimeout("slow"), FailureKind.UNCERTAIN),
        (httpx.ReadError("reset"), FailureKind.UNCERTAIN),
        (httpx.RemoteProtocolError("closed"), FailureKind.UNCERTAIN),
        (httpx.Response(500), FailureKind.UNCERTAIN),
        (httpx.Response(502, text="<html>"), FailureKind.UNCERTAIN),
        (httpx.Response(201, text="<html>"), FailureKind.UNCERTAIN),
        (httpx.Response(400, json={"error": "bad"}), FailureKind.FATAL),
        (httpx.Response(413, json={"error": "too large"}), FailureKind.REJECTED),
        (httpx.Response(422, json={"error": "too many"}), FailureKind.REJECTED),
        (httpx.Response(401), FailureKind.FATAL),
        (httpx.Response(404), FailureKind.FATAL),
    ],
)
def test_a_failed_submission_has_the_right_kind(
    reply: httpx.Response | Exception, kind: FailureKind
) -> None:
    assert submission_failure(reply).kind is kind


def test_a_full_service_names_its_wish() -> None:
    reply = httpx.Response(429, headers={"Retry-After": "1.5"}, json={"error": "7 are pending"})

    error = submission_failure(reply)

    assert error.kind is FailureKind.LIMIT
    assert error.retry_after_seconds == 1.5
    assert "7 are pending" in str(error)


def test_a_wish_may_be_a_date() -> None:
    later = formatdate(time.time() + 100, usegmt=True)
    reply = httpx.Response(429, headers={"Retry-After": later})

    assert submission_failure(reply).retry_after_seconds == pytest.approx(100, abs=5)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "soon", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_nonsense_as_retry_after_is_no_wish(text: str) -> None:
    reply = httpx.Response(503, headers={"Retry-After": text})

    assert submission_failure(reply).retry_after_seconds is None


def test_a_wish_about_a_result_is_passed_on_without_another_question() -> None:
    reply = httpx.Response(429, headers={"Retry-After": "7"})

    with pytest.raises(ProviderError) as caught:
        answering(reply).result(JOB, PAYLOAD)

    assert (caught.value.kind, caught.value.retry_after_seconds) == (FailureKind.LIMIT, 7.0)


def test_an_unforeseen_error_leaves_a_submission_in_doubt() -> None:
    assert answering(httpx.Response(200)).classify(KeyError("id")) is FailureKind.UNCERTAIN


@pytest.mark.parametrize("reply", [httpx.ReadTimeout("slow"), httpx.Response(500)])
def test_a_question_without_an_answer_is_asked_again(reply: httpx.Response | Exception) -> None:
    provider = answering(reply)

    for ask in (
        lambda: provider.find("jobset-a"),
        lambda: provider.poll([JOB]),
        lambda: provider.result(JOB, PAYLOAD),
    ):
        with pytest.raises(ProviderError) as caught:
            ask()
        assert caught.value.kind is FailureKind.TRANSIENT
    assert not provider.cancel(JOB)


@pytest.mark.parametrize(("policy", "start"), [(AS_IF_UNSPLIT, 10), (SAME_FOR_ALL, 0)])
def test_the_seed_policy_decides_where_a_chunk_starts(policy: str, start: int) -> None:
    bodies = []

    def keep(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(201, json={"id": "fake-1"})

    provider = FakeRemoteProvider(
        "fake",
        FakeRemoteOptions(service_url="http://service"),
        transport=httpx.MockTransport(keep),
    )
    provider.submit(Payload(superpositions(1), 10, policy), tag="a", options={})

    assert [body["start_index"] for body in bodies] == [start]
