"""Text for terminals: names and messages come from anywhere, and may hold control codes."""

import math
import time

from jobset_client.printable import safe

__all__ = [
    "age",
    "duration",
    "plural",
    "safe",
    "safe_lines",
    "short_id",
    "shortened",
]

SHORT_ID_CHARACTERS = 12
"""Enough of a set's id to find it again."""


def safe_lines(text: str) -> str:
    """Return text whose line breaks are kept, and whose lines are safe."""
    return "\n".join(safe(line.expandtabs()) for line in text.splitlines())


def short_id(set_id: str) -> str:
    """Return the part of an id that tables show; commands take it, too."""
    return set_id[:SHORT_ID_CHARACTERS]


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters.

    >>> shortened("entangled", 5)
    'enta…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return a count and its noun.

    >>> plural(1, "chunk"), plural(2000, "circuit"), plural(2, "process", "processes")
    ('1 chunk', '2,000 circuits', '2 processes')
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def duration(seconds: float) -> str:
    """Return a length of time in at most two units.

    >>> duration(0.0312), duration(7.26), duration(75), duration(7500), duration(200_000)
    ('31 ms', '7.3 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    if not math.isfinite(seconds) or seconds < 0:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def age(moment: float) -> str:
    """Return how long ago a moment was, in the largest unit.

    Args:
        moment: Seconds since the epoch.
    """
    seconds = max(0, round(time.time() - moment))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
