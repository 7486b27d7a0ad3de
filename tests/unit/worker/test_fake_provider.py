import time
from typing import Any

import pytest
from qiskit import QuantumCircuit

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from tests.contracts.provider_contract import ProviderContract, superpositions
from worker.providers.base import LocalProvider, Payload, RemoteProvider
from worker.providers.fake import create


def fake(**options: Any) -> LocalProvider:
    provider = create("fake", options)
    assert isinstance(provider, LocalProvider)
    return provider


class TestFakeProvider(ProviderContract):
    @pytest.fixture
    def provider(self) -> LocalProvider:
        return fake()


def test_counts_tell_the_circuits_place_in_the_job_set() -> None:
    result = fake().run(Payload(superpositions(4), 6), {"shots": 9})

    assert [result.get_counts(i) for i in range(4)] == [
        {"110": 9},
        {"111": 9},
        {"000": 9},
        {"001": 9},
    ]


def test_a_circuit_without_classical_bits_has_no_counts() -> None:
    result = fake().run(Payload([QuantumCircuit(1)], 3), {"memory": True})

    assert result.success
    assert result.results[0].data.to_dict() == {}


def test_configured_circuits_fail_alone() -> None:
    result = fake(fail_circuits=["c2"]).run(Payload(superpositions(4), 0), {})

    assert not result.success
    assert [each.success for each in result.results] == [True, True, False, True]
    assert "c2" in result.results[2].status


@pytest.mark.parametrize("pattern", ["c3", "*3", "c[3]"])
def test_configured_circuits_are_refused_with_their_chunk(pattern: str) -> None:
    provider = fake(reject_circuits=[pattern])

    with pytest.raises(ProviderError, match=r"'c3' is refused") as caught:
        provider.run(Payload(superpositions(4), 0), {})

    assert caught.value.kind is FailureKind.REJECTED
    assert provider.run(Payload(superpositions(3), 0), {}).success


@pytest.mark.parametrize(
    ("options", "told", "kind"),
    [
        ({"max_circuits": 3}, "4 circuits", FailureKind.REJECTED),
        ({"max_shots": 99}, "100 shots", FailureKind.FATAL),
    ],
)
def test_limits_are_announced_and_enforced(
    options: dict[str, int], told: str, kind: FailureKind
) -> None:
    provider = fake(**options)

    with pytest.raises(ProviderError, match=told) as caught:
        provider.run(Payload(superpositions(4), 0), {"shots": 100})

    assert caught.value.kind is kind
    [(name, limit)] = options.items()
    assert getattr(provider.capabilities, name) == limit


@pytest.mark.parametrize("shots", [0, -1, "many", True, 1.5])
def test_wrong_shots_are_fatal(shots: object) -> None:
    with pytest.raises(ProviderError, match="shots") as caught:
        fake().run(Payload(superpositions(1), 0), {"shots": shots})

    assert caught.value.kind is FailureKind.FATAL


def test_latency_is_waited() -> None:
    started = time.monotonic()

    fake(latency_seconds=0.05).run(Payload(superpositions(1), 0), {})

    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"colour": "red"}, r"\[backends.mine\]: colour"),
        ({"latency_seconds": -1}, "latency_seconds"),
        ({"service_url": "http://127.0.0.1:1", "latency_seconds": 1}, "latency_seconds"),
        ({"service_url": "127.0.0.1:80"}, "service_url"),
        ({"service_url": 80}, "service_url"),
    ],
)
def test_wrong_options_name_table_and_option(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        create("mine", options)


def test_a_service_url_makes_it_remote() -> None:
    assert isinstance(create("fake", {"service_url": "http://127.0.0.1:1"}), RemoteProvider)
