from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from tests.contracts.provider_contract import ProviderContract, chunked, superpositions
from worker.providers.backend_v2 import create
from worker.providers.base import LocalProvider, Payload

BASIC = "qiskit.providers.basic_provider:BasicSimulator"
GENERIC = "qiskit.providers.fake_provider:GenericBackendV2"


def local(backend: str, **options: Any) -> LocalProvider:
    provider = create("mine", {"backend": backend, **options})
    assert isinstance(provider, LocalProvider)
    return provider


class TestBasicSimulator(ProviderContract):
    @pytest.fixture
    def provider(self) -> LocalProvider:
        return local(BASIC)


def test_a_backend_on_aer_gives_the_unsplit_runs_counts() -> None:
    circuits = superpositions(5)
    options = {"shots": 100, "seed_simulator": 9, "memory": True}
    unsplit = GenericBackendV2(3, seed=42).run(circuits, **options).result()

    provider = local(GENERIC, arguments={"num_qubits": 3, "seed": 42})

    assert chunked(provider, circuits, 2, options) == [
        experiment.data.to_dict() for experiment in unsplit.results
    ]


def test_the_devices_width_is_announced() -> None:
    provider = local(GENERIC, arguments={"num_qubits": 3}, max_circuits=10, max_shots=500)

    capabilities = provider.capabilities
    assert capabilities.num_qubits == 3
    assert (capabilities.max_circuits, capabilities.max_shots) == (10, 500)
    assert GENERIC in capabilities.description


def test_a_circuit_that_the_backend_refuses_is_rejected() -> None:
    wide = QuantumCircuit(40, 1)
    wide.measure(0, 0)

    with pytest.raises(ProviderError) as caught:
        local(BASIC).run(Payload([wide], 0), {})

    assert caught.value.kind is FailureKind.REJECTED


def test_a_bad_option_is_fatal_since_no_circuit_would_be_taken() -> None:
    with pytest.raises(ProviderError, match="the options of this run") as caught:
        local(GENERIC, arguments={"num_qubits": 3}).run(
            Payload(superpositions(1), 0), {"shots": "many"}
        )

    assert caught.value.kind is FailureKind.FATAL


def test_run_options_beyond_the_listed_ones_can_be_allowed() -> None:
    provider = local(GENERIC, arguments={"num_qubits": 3}, run_options=["sampler"])

    assert provider.run(Payload(superpositions(1), 0), {"sampler": "fast"}).success


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"\[backends.mine\]: backend"),
        ({"backend": "no_colon"}, "backend"),
        ({"backend": "no_such_module:Thing"}, "no_such_module"),
        ({"backend": f"{BASIC}s"}, "BasicSimulators"),
        ({"backend": GENERIC}, "num_qubits"),
        ({"backend": "builtins:dict"}, "not a BackendV2"),
        ({"backend": BASIC, "seeds": "lucky"}, "seeds"),
        ({"backend": BASIC, "tag_option": "name"}, "tag_option"),
        ({"backend": BASIC, "local": False}, "local = true"),
        ({"backend": BASIC, "local": False, "seeds": "circuit"}, "seeds"),
    ],
)
def test_wrong_options_are_told_at_the_start(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        create("mine", options)
