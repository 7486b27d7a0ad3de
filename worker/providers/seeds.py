"""The seed of a chunk.

``as_if_unsplit``: Aer gives circuit *i* of a run the seed ``seed_simulator + 2113 * i``.  A chunk
whose first circuit is number *s* of the job set is therefore run with ``seed_simulator +
2113 * s``: its counts equal those of one unsplit run, whatever the chunk size.

``same_for_all``: every chunk gets the seed as the user gave it, as the original did; chunks of
equal circuits then have equal counts.

The stride is an internal of Aer: tests compare split and unsplit runs.
"""

from collections.abc import Mapping
from typing import Any

from jobset_protocol.messages import SAME_FOR_ALL
from worker.providers.base import Payload

SEED_STRIDE = 2113
"""Distance between the seeds of neighbouring circuits in one Aer run."""
_HALF_RANGE = 1 << 63


def first_index(payload: Payload) -> int:
    """Return the index that a chunk's first circuit has for its seed.

    >>> first_index(Payload([], 10)), first_index(Payload([], 10, SAME_FOR_ALL))
    (10, 0)
    """
    return 0 if payload.seed_policy == SAME_FOR_ALL else payload.start_index


def aer_seed(options: Mapping[str, Any], payload: Payload) -> dict[str, int]:
    """Return the seed with which Aer runs a chunk; nothing if the user gave none.

    >>> aer_seed({"seed_simulator": 7}, Payload([], 10))
    {'seed_simulator': 21137}
    >>> aer_seed({"shots": 100}, Payload([], 10))
    {}
    """
    seed = options.get("seed_simulator")
    # What is no integer, or too large for Aer, it shall refuse as it is.
    if not isinstance(seed, int) or not -_HALF_RANGE <= seed < _HALF_RANGE:
        return {}
    shifted = seed + SEED_STRIDE * first_index(payload)
    # As Aer counts on within one run: in 64 bits.
    return {"seed_simulator": (shifted + _HALF_RANGE) % (2 * _HALF_RANGE) - _HALF_RANGE}
