"""Counts as bars of text."""

from collections.abc import Mapping

from jobset_client.cli.text import safe

_BAR_CHARACTERS = 40
_EIGHTHS = "▏▎▍▌▋▊▉█"


def bar(share: float, *, characters: int = _BAR_CHARACTERS) -> str:
    """Return a bar, exact to an eighth of a character; what is not zero shows.

    >>> bar(0.5, characters=4), bar(0.0), bar(0.001)
    ('██', '', '▏')
    """
    eighths = round(share * characters * 8)
    if share > 0:
        eighths = max(1, eighths)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest - 1] if rest else "")


def histogram(counts: Mapping[str, int], *, most: int = 16) -> list[str]:
    """Return a line an outcome, in the order of the outcomes.

    Args:
        counts: Outcome → shots.
        most: Only so many outcomes, the most frequent ones; the rest is one line.

    >>> histogram({"11": 30, "00": 10})[0].split()
    ['00', '10', '25.0', '%', '█████████████▍']
    """
    if not counts:
        return ["(no counts)"]
    shots = sum(counts.values())
    chosen = sorted(sorted(counts, key=lambda outcome: -counts[outcome])[:most])
    shown = {outcome: counts[outcome] for outcome in chosen}
    rest = shots - sum(shown.values())
    if rest:
        shown[f"{len(counts) - len(chosen)} others"] = rest
    width = max(map(len, shown))
    tallest = max(shown.values())
    return [
        f"{safe(outcome):>{width}}  {count:>7,}  {100 * count / shots:5.1f} %  "
        + bar(count / tallest)
        for outcome, count in shown.items()
    ]


def summary(counts: Mapping[str, int], *, most: int = 4) -> str:
    """Return the most frequent outcomes in one line.

    >>> summary({"11": 30, "00": 10})
    '11: 30  00: 10'
    """
    frequent = sorted(counts, key=lambda outcome: (-counts[outcome], outcome))
    parts = [f"{outcome}: {counts[outcome]}" for outcome in frequent[:most]]
    more = len(frequent) - most
    return "  ".join(parts) + (f"  +{more} more" if more > 0 else "")
