"""Times and lengths of time as people type them: ``2h``, ``3d``, or a date."""

import re
import time
from datetime import datetime
from typing import Any

import click

_UNITS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")


class Length(click.ParamType[float]):
    """A length of time, in seconds."""

    name = "length"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        if isinstance(value, int | float):
            return float(value)
        seconds = length_seconds(value)
        if seconds is None:
            self.fail(f"{value!r} is no length of time: say 90min, 2h, 3d or 1w", param, ctx)
        return seconds


class Moment(click.ParamType[float]):
    """A moment, in seconds since the epoch: so long ago, or a date and time."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; a time without a zone is local."""
        if isinstance(value, int | float):
            return float(value)
        seconds = length_seconds(value)
        if seconds is not None:
            return time.time() - seconds
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no time: say 2h or 3d ago, 2026-01-31, or 2026-01-31T09:30",
                param,
                ctx,
            )


def length_seconds(text: str) -> float | None:
    """Return a length of time in seconds; ``None`` for what is none.

    >>> length_seconds("90min"), length_seconds("1.5 d"), length_seconds("soon")
    (5400.0, 129600.0, None)
    """
    found = _LENGTH.fullmatch(text.strip())
    return float(found[1]) * _UNITS[found[2]] if found else None
