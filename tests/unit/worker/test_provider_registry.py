import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from jobset_protocol.errors import ConfigurationError
from worker.providers import registry
from worker.providers.registry import GROUP, describe, load_adapter
from worker.settings import BackendSettings, PriceSettings


def test_every_built_in_adapter_loads() -> None:
    options = {
        "backend_v2": {"backend": "qiskit.providers.basic_provider:BasicSimulator"},
    }

    for provider in ("aer", "backend_v2", "fake"):
        settings = BackendSettings(provider=provider, options=options.get(provider, {}))
        assert load_adapter("mine", settings).local


def test_a_backend_is_described_with_its_limits() -> None:
    settings = BackendSettings(
        provider="fake",
        max_pending=4,
        max_bytes=7,
        max_executions=8,
        prices=PriceSettings(job=0.5, currency="EUR"),
        options={"max_circuits": 5, "max_shots": 6},
    )

    spec = describe("mine", load_adapter("mine", settings), settings)

    assert (spec.alias, spec.provider, spec.local) == ("mine", "fake", True)
    assert (spec.max_circuits, spec.max_shots, spec.max_pending) == (5, 6, 4)
    assert (spec.max_bytes, spec.max_executions) == (7, 8)
    assert spec.prices == {"job": 0.5, "currency": "EUR"}
    assert spec.qpy_version > 10


def test_a_backend_without_prices_announces_none() -> None:
    settings = BackendSettings(provider="fake")
    assert not describe("mine", load_adapter("mine", settings), settings).prices


def test_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"\[backends.mine\].*'bakend_v2'.*backend_v2"):
        load_adapter("mine", BackendSettings(provider="bakend_v2"))


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.providers.aer", raising=False)
    monkeypatch.setitem(sys.modules, "qiskit_aer", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'jobset\[aer\]'"):
        load_adapter("mine", BackendSettings(provider="aer"))


def test_an_installed_package_adds_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(*, group: str) -> list[EntryPoint]:
        assert group == GROUP
        return [EntryPoint("theirs", f"{__name__}:create_theirs", GROUP)]

    monkeypatch.setattr(registry, "entry_points", installed)

    settings = BackendSettings(provider="theirs", options={"colour": "red"})
    assert load_adapter("mine", settings).capabilities.description == "fake: mine, red"


def create_theirs(alias: str, options: dict[str, Any]) -> Any:
    class Theirs:
        class capabilities:  # noqa: N801
            description = f"fake: {alias}, {options['colour']}"

    return Theirs()


def test_an_adapter_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point = EntryPoint("theirs", "no_such_package.adapter:create", GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [entry_point])

    with pytest.raises(ConfigurationError, match="no_such_package"):
        load_adapter("mine", BackendSettings(provider="theirs"))
