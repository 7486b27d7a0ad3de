"""Find the adapter that a backend's table names.

Adapters register under the entry-point group ``jobset.providers``: a name, and a factory that
takes the backend's alias and the rest of its table.  A package of yours adds one so::

    [project.entry-points."jobset.providers"]
    mine = "my_package.adapter:create"
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from jobset_protocol.codecs.qpy import reader_qpy_version
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.messages import BackendSpec
from worker.providers.base import LocalProvider, RemoteProvider
from worker.settings import BackendSettings

GROUP = "jobset.providers"

AdapterFactory = Callable[[str, Mapping[str, Any]], LocalProvider | RemoteProvider]
"""Builds an adapter from a backend's alias and options; raises ConfigurationError."""

_EXTRAS: Mapping[str, str] = MappingProxyType({"qiskit_aer": "aer"})
"""Module that an adapter of ours imports → the extra of ``jobset`` that installs it."""


def known_providers() -> dict[str, EntryPoint]:
    """Return every adapter that can be named, ours and those of installed packages."""
    return {found.name: found for found in sorted(entry_points(group=GROUP))}


def load_adapter(alias: str, settings: BackendSettings) -> LocalProvider | RemoteProvider:
    """Build the adapter of one backend.

    Args:
        alias: The backend's name, for messages.
        settings: Its table in the configuration.

    Raises:
        ConfigurationError: The provider is unknown, its package is missing, or an option is wrong.
    """
    known = known_providers()
    try:
        entry_point = known[settings.provider]
    except KeyError:
        raise ConfigurationError(
            f"[backends.{alias}]: no provider {settings.provider!r}; known are {', '.join(known)}"
        ) from None
    try:
        factory: AdapterFactory = entry_point.load()
    except (ImportError, AttributeError) as error:
        extra = _EXTRAS.get(getattr(error, "name", None) or "")
        cure = f": pip install 'jobset[{extra}]'" if extra else ""
        raise ConfigurationError(
            f"[backends.{alias}]: provider {settings.provider!r} ({entry_point.value}) cannot be "
            f"loaded: {error}{cure}"
        ) from error
    return factory(alias, settings.options)


def describe(
    alias: str, adapter: LocalProvider | RemoteProvider, settings: BackendSettings
) -> BackendSpec:
    """Return what workers announce of a backend."""
    capabilities = adapter.capabilities
    return BackendSpec(
        alias=alias,
        provider=settings.provider,
        local=adapter.local,
        qpy_version=reader_qpy_version(),
        max_circuits=capabilities.max_circuits,
        max_shots=capabilities.max_shots,
        max_bytes=settings.max_bytes,
        max_executions=settings.max_executions,
        max_pending=settings.max_pending,
        prices={} if settings.prices is None else settings.prices.model_dump(exclude_none=True),
        num_qubits=capabilities.num_qubits,
        description=capabilities.description,
    )
