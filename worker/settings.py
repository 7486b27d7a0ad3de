"""A worker's settings: the environment, and a TOML file that names its backends.

The file is ``JOBSET_CONFIG``; without one, ``aer`` and ``fake`` are there::

    [backends.torino]
    provider = "ibm"           # which adapter
    max_pending = 3            # jobs at the provider at a time, for the whole cluster
    max_bytes = 5000000        # QPY of one job's circuits, before compression
    max_executions = 10000000  # circuits × shots of one job
    prices = { job = 0.30, shot = 0.00035, currency = "USD" }  # for estimates; also `circuit`
    in_doubt = "hold"          # or "resubmit", where a second job costs nothing
    backend = "ibm_torino"     # the rest is the adapter's
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobset_protocol.errors import ConfigurationError


class PriceSettings(BaseModel):
    """What a job costs, by unit; a unit without a price costs nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    job: float | None = Field(default=None, ge=0)
    circuit: float | None = Field(default=None, ge=0)
    shot: float | None = Field(default=None, ge=0)
    currency: str = Field(pattern=r"^[A-Za-z ]{1,20}$")

    @model_validator(mode="after")
    def _require_a_price(self) -> Self:
        if self.job is None and self.circuit is None and self.shot is None:
            raise ValueError("name a price: job, circuit or shot")
        return self


class BackendSettings(BaseModel):
    """One ``[backends.<alias>]`` table; what the adapter takes is in ``options``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    max_pending: int | None = Field(default=None, ge=1)
    """Most jobs at the provider at a time, for the whole cluster."""
    max_bytes: int | None = Field(default=None, ge=1)
    """Most bytes of one job's circuits, as QPY before compression."""
    max_executions: int | None = Field(default=None, ge=1)
    """Most circuits × shots of one job."""
    in_doubt: Literal["hold", "resubmit"] | None = None
    """What becomes of a chunk when nobody can tell whether the provider has its job: ``hold`` it
    for a person, or ``resubmit`` it, at the risk of a second job.  By default, simulators resubmit.
    """
    prices: PriceSettings | None = None
    """What clients estimate costs by."""
    poll_min_seconds: float | None = Field(default=None, gt=0)
    poll_max_seconds: float | None = Field(default=None, gt=0)
    options: Mapping[str, Any] = Field(default_factory=dict)


class WorkerSettings(BaseSettings):
    """The environment of a worker or a watcher (``JOBSET_…``)."""

    model_config = SettingsConfigDict(env_prefix="JOBSET_", frozen=True, extra="ignore")

    url: str = "redis://localhost:6379/0"
    """The store, and the broker unless ``broker_url`` names another."""
    broker_url: str | None = None
    config: Path | None = None
    """TOML file that names the backends."""
    lease_seconds: float = Field(default=30.0, gt=0)
    """How long a claim lives without a sign of its worker; a worker extends it at a third."""
    drain_seconds: float = Field(default=8.0, gt=0)
    """How long a stopping worker lets its chunks run before it hands them over."""
    poll_min_seconds: float = Field(default=2.0, gt=0)
    poll_max_seconds: float = Field(default=60.0, gt=0)
    fsync_intents: bool = False
    """An intent to submit counts when it is on the store's disk; costs up to a second a job."""
    sweep_seconds: float = Field(default=10.0, gt=0)
    """How often the watcher looks for lost messages and half-written sets."""
    client_silence_seconds: float = Field(default=600.0, gt=0)
    """How long a client may pause while it sends a set, before the rest is given up."""


_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""An alias is part of queue names and keys, and is shown everywhere."""

DEFAULT_BACKENDS: Mapping[str, BackendSettings] = MappingProxyType(
    {"aer": BackendSettings(provider="aer"), "fake": BackendSettings(provider="fake")}
)


def load_backends(path: Path | None) -> dict[str, BackendSettings]:
    """Read the backends that a TOML file names, or the defaults.

    Raises:
        ConfigurationError: The file is missing, is not TOML, or a table is wrong.
    """
    if path is None:
        return dict(DEFAULT_BACKENDS)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    tables = document.get("backends")
    if not isinstance(tables, dict) or not tables:
        raise ConfigurationError(
            f"{path} names no backend: add a table such as [backends.aer] with provider = 'aer'"
        )
    for alias in tables:
        if not _ALIAS.fullmatch(alias):
            raise ConfigurationError(
                f"{path}: backends.{alias!r}: an alias is 1 to 100 letters, digits, - or _"
            )
    return {alias: _backend(path, alias, table) for alias, table in tables.items()}


def _backend(path: Path, alias: str, table: Any) -> BackendSettings:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: backends.{alias} must be a table")
    ours = {name: table[name] for name in BackendSettings.model_fields if name in table}
    if "options" in ours:
        raise ConfigurationError(f"{path}: backends.{alias}: write its options beside `provider`")
    options = {name: value for name, value in table.items() if name not in ours}
    try:
        return BackendSettings(**ours, options=options)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{path}: backends.{alias}: {reasons}") from error
