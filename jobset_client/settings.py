"""A client's settings: the environment, under ``JOBSET_…``."""

import getpass
import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def login_name() -> str:
    """Return who runs this process, also where it has no entry among the users."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a bare number
        return f"uid-{os.getuid()}"


class ClientSettings(BaseSettings):
    """What a :class:`~jobset_client.JobManager` uses where it is not told otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="JOBSET_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    url: str | None = None
    """The store; without one, a local cluster is used."""
    broker_url: str | None = None
    """The broker, where it is not the store's server."""
    owner: str = Field(default_factory=login_name)
    """Who submits."""
