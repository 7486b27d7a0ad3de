"""How the fake provider's service behaves, and what it is given; plain data, checked on arrival."""

import json
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobset_protocol.errors import ConfigurationError
from worker.providers.fake_outcomes import FakeCircuit, named, rejection_text


class FakeBehaviour(BaseModel):
    """How the service behaves; ``PUT /config`` changes it at run time, until it restarts.

    Rates are probabilities, from 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    submit_latency_seconds: float = Field(default=0.0, ge=0)
    """Half of it passes before the job is created, half before the reply."""
    queue_seconds: float = Field(default=0.0, ge=0)
    run_seconds: float = Field(default=0.0, ge=0)
    max_running: int | None = Field(default=None, ge=1)
    max_pending: int | None = Field(default=None, ge=0)
    """Most jobs that have not ended; beyond it, 429 with Retry-After."""
    retry_after_seconds: float = Field(default=1.0, ge=0)
    max_circuits: int | None = Field(default=None, ge=1)
    max_shots: int | None = Field(default=None, ge=1)
    error_rate: float = Field(default=0.0, ge=0, le=1)
    """Submissions answered 500, with no job created."""
    drop_rate: float = Field(default=0.0, ge=0, le=1)
    """Submissions whose reply is lost: the job is there, the connection is closed."""
    lost_rate: float = Field(default=0.0, ge=0, le=1)
    """Jobs that the service no longer knows when they should have ended."""
    fail_circuits: list[str] = Field(default_factory=list)
    """A job that holds a circuit of one of these names (or patterns: ``bad*``) fails."""
    reject_circuits: list[str] = Field(default_factory=list)
    """A submission that holds a circuit of one of these names (or patterns) is refused."""

    @classmethod
    def read(cls, path: Path) -> "FakeBehaviour":
        """Read a JSON or (``.toml``) TOML file.

        Raises:
            ConfigurationError: It is missing, is neither, or has a wrong value.
        """
        try:
            text = path.read_text(encoding="utf-8")
            document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
            return cls.model_validate(document)
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error}") from error
        except ValidationError as error:
            raise ConfigurationError(f"{path}: {error}") from error
        except ValueError as error:
            raise ConfigurationError(f"{path} is neither TOML nor JSON: {error}") from error


class Submission(BaseModel):
    """What the service keeps of a submission: all but the circuits themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    shots: int = Field(default=1024, ge=1)
    seed: int = 0
    memory: bool = False
    start_index: int = Field(default=0, ge=0)
    circuits: list[FakeCircuit] = Field(min_length=1)


class RefusedError(Exception):
    """A submission that creates no job.

    Args:
        code: The reply's HTTP status.
        reason: For the reply's body.
        retry_after_seconds: For its Retry-After header.
    """

    def __init__(self, code: int, reason: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


def refuse_if_unfit(submission: Submission, behaviour: FakeBehaviour, *, pending: int) -> None:
    """Refuse what a provider with these limits would.

    Raises:
        RefusedError: 429 when too many jobs are pending, 422 for circuits that can never be
            accepted, or not so many of them, 400 for more shots than any circuit may have.
    """
    if behaviour.max_pending is not None and pending >= behaviour.max_pending:
        raise RefusedError(
            429,
            f"{pending} jobs are pending; at most {behaviour.max_pending} may be",
            retry_after_seconds=behaviour.retry_after_seconds,
        )
    for code, what, number, limit in (
        (422, "circuits", len(submission.circuits), behaviour.max_circuits),
        (400, "shots", submission.shots, behaviour.max_shots),
    ):
        if limit is not None and number > limit:
            raise RefusedError(code, f"{number} {what}, but at most {limit} are allowed")
    for circuit in submission.circuits:
        if named(circuit.name, behaviour.reject_circuits):
            raise RefusedError(422, rejection_text(circuit.name))
