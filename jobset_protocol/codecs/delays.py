"""Carry the unit of a delay through QPY, which reads every delay as one in ``dt``.

A delay in seconds or a fraction of them would become one that is shorter by orders of magnitude,
without a word (Qiskit/qiskit#8293).  In its place travels an instruction of another name, with the
duration and the unit as its parameters.
"""

from qiskit.circuit import Delay, Instruction

from jobset_protocol.errors import CodecError

DELAYS = frozenset({"delay"})
DELAY_CARRIERS = frozenset({"jobset_delay"})
_KEPT_UNITS = frozenset({"dt", "expr"})
"""The default, and durations that are expressions, which QPY keeps whole."""


def delay_carrier(delay: Instruction) -> Instruction:
    """Return what travels in a delay's place; itself when QPY keeps it."""
    if delay.unit in _KEPT_UNITS:
        return delay
    [name] = DELAY_CARRIERS
    return Instruction(name, 1, 0, [delay.duration, delay.unit], label=delay.label)


def carried_delay(carrier: Instruction) -> Instruction:
    """Return the delay that travelled as ``carrier``.

    Raises:
        CodecError: It is damaged.
    """
    try:
        duration, unit = carrier.params
        delay = Delay(duration, unit)
    except Exception as error:
        raise CodecError(f"stored circuits are damaged: a delay is unreadable: {error}") from error
    delay.label = carrier.label
    return delay
