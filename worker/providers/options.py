"""Read an adapter's options, and check the run options of a chunk, with errors that name them."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError


class AdapterOptions(BaseModel):
    """What an adapter takes from its backend's table; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RunOptions(BaseModel):
    """What an adapter takes from a job set's run options; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


OptionsT = TypeVar("OptionsT", bound=AdapterOptions)
RunOptionsT = TypeVar("RunOptionsT", bound=RunOptions)


def read_adapter_options(model: type[OptionsT], alias: str, options: Mapping[str, Any]) -> OptionsT:
    """Validate a backend's table.

    Raises:
        ConfigurationError: An option is unknown or wrong; the message names table and option.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigurationError(
            f"[backends.{alias}]: {_reasons(error)}. Options: {', '.join(model.model_fields)}"
        ) from None


def read_run_options(
    model: type[RunOptionsT], backend: str, options: Mapping[str, Any]
) -> RunOptionsT:
    """Validate a chunk's run options.

    Raises:
        ProviderError: FATAL; an option is unknown or wrong.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ProviderError(
            f"{backend}: run options: {_reasons(error)}. It takes {', '.join(model.model_fields)}",
            kind=FailureKind.FATAL,
        ) from None


def require_known_options(backend: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse run options that a backend would ignore in silence.

    Raises:
        ProviderError: FATAL; the message lists what is known.
    """
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ProviderError(
            f"{backend} takes no run option {', '.join(unknown)}; it takes "
            f"{', '.join(sorted(known))}",
            kind=FailureKind.FATAL,
        )


def _reasons(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'options'}: {each['msg']}" for each in error.errors()
    )
