"""What the stand-in's service does wrong, by switch; plain data, checked on arrival.

Rates are probabilities.  Those of one request add up: one draw decides what befalls it.  Before
any draw, the first requests meet what is named for them, so that a test is sure of each trouble.
"""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Rate = Field(default=0.0, ge=0, le=1)


class Trouble(StrEnum):
    """What befell a request."""

    FULL = "full"
    """429 with Retry-After."""
    UNAVAILABLE = "unavailable"
    """500, 502 or 503 with Retry-After, and nothing was done."""
    CUT = "cut"
    """The connection was closed before anything was done."""
    SILENT = "silent"
    """No answer ever, and nothing was done."""
    SLOW = "slow"
    """The answer came late."""
    BAD_GATEWAY = "bad_gateway"
    """502 although the job was made."""
    DROPPED = "dropped"
    """The connection was closed after the job was made."""
    SILENT_AFTER = "silent_after"
    """No answer ever, although the job was made."""
    REPEATED = "repeated"
    """The request came twice and made two jobs; the answer names the second."""
    GARBAGE = "garbage"
    """200 with a body that means nothing."""


class Troubles(BaseModel):
    """What befalls one kind of request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slow_seconds: float = Field(default=0.5, ge=0)
    first: list[Trouble] = Field(default_factory=list)
    """What befalls the first requests, one each."""

    def rates(self) -> Mapping[Trouble, float]:
        """Return how often each trouble comes."""
        return {
            trouble: getattr(self, f"{trouble}_rate")
            for trouble in Trouble
            if hasattr(self, f"{trouble}_rate")
        }

    def draw(self) -> Trouble | None:
        """Decide what befalls a request."""
        left = random.random()
        for trouble, rate in self.rates().items():
            left -= rate
            if left < 0:
                return trouble
        return None

    @model_validator(mode="after")
    def _are_possible(self) -> Self:
        if sum(self.rates().values()) > 1:
            raise ValueError("the rates of one request add up to more than 1")
        if strange := set(self.first).difference(self.rates()):
            raise ValueError(f"{', '.join(strange)} cannot befall such a request")
        return self


class SubmissionTroubles(Troubles):
    """What befalls submissions."""

    full_rate: float = Rate
    unavailable_rate: float = Rate
    cut_rate: float = Rate
    silent_rate: float = Rate
    slow_rate: float = Rate
    bad_gateway_rate: float = Rate
    dropped_rate: float = Rate
    silent_after_rate: float = Rate
    repeated_rate: float = Rate


class QuestionTroubles(Troubles):
    """What befalls polls, look-ups of tags, fetches of results, and cancellations."""

    full_rate: float = Rate
    unavailable_rate: float = Rate
    cut_rate: float = Rate
    silent_rate: float = Rate
    slow_rate: float = Rate
    garbage_rate: float = Rate


class ServiceTroubles(BaseModel):
    """Everything that the stand-in does wrong beyond what its jobs do.

    Args:
        submit: Of ``POST /jobs``.
        find: Of ``GET /jobs?tag=``.
        poll: Of ``POST /jobs/status``.
        result: Of ``GET /jobs/<id>/result``.
        cancel: Of ``POST /jobs/<id>/cancel``.
        index_lag_seconds: For how long a new job is not found by its tag.
        retry_after_is_a_date: Retry-After is written as an HTTP date, in whole seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    submit: SubmissionTroubles = SubmissionTroubles()
    find: QuestionTroubles = QuestionTroubles()
    poll: QuestionTroubles = QuestionTroubles()
    result: QuestionTroubles = QuestionTroubles()
    cancel: QuestionTroubles = QuestionTroubles()
    index_lag_seconds: float = Field(default=0.0, ge=0)
    retry_after_is_a_date: bool = False
