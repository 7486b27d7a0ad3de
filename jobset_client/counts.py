"""Histograms of a result, without the detours of ``Result.get_counts``.

Reading thousands of them is the one step of a set that only the client can do, and qiskit takes
5 µs for each outcome: it converts every key four times.
"""

from collections.abc import Mapping
from typing import Any

from qiskit.result import Counts, Result


def counts_at(result: Result, index: int) -> Counts:
    """Return what ``result.get_counts(index)`` returns, attributes included.

    Raises:
        QiskitError: The experiment failed, has no counts, or there is none at that index.
    """
    header, outcomes = _hex_outcomes(result, index)
    slots, registers = header.get("memory_slots"), header.get("creg_sizes")
    if not outcomes or not slots or "time_taken" in header:
        return result.get_counts(index)
    values = [int(key, 16) for key in outcomes]
    texts = [format(value, f"0{slots}b") for value in values]
    if registers:
        texts = [_separated(text, registers) for text in texts]
    counts = Counts({})
    counts.update(zip(texts, outcomes.values(), strict=True))
    counts.hex_raw = dict(outcomes)
    counts.int_raw = dict(zip(values, outcomes.values(), strict=True))
    counts.memory_slots, counts.creg_sizes = slots, registers
    return counts


def _hex_outcomes(result: Result, index: int) -> tuple[Mapping[str, Any], Mapping[str, int]]:
    """Return an experiment's header and counts; empty ones where qiskit should take over."""
    if index < len(result.results) and result.results[index].success:
        experiment = result.results[index]
        outcomes = getattr(experiment.data, "counts", {})
        if all(isinstance(key, str) and key.startswith("0x") for key in outcomes):
            return getattr(experiment, "header", None) or {}, outcomes
    return {}, {}


def _separated(text: str, registers: list[tuple[str, int]]) -> str:
    """Put a space between registers; the first one is at the end, as in qiskit."""
    if len(registers) == 1:
        return text[: registers[0][1]]
    parts, start = [], 0
    for _, size in reversed(registers):
        parts.append(text[start : start + size])
        start += size
    return " ".join(parts)
