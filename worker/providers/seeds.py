"""The seed of a chunk on Aer.

Aer gives circuit *i* of a run the seed ``seed_simulator + 2113 * i``.  A chunk whose first circuit
is number *s* of the job set is therefore run with ``seed_simulator + 2113 * s``: its counts equal
those of one unsplit run, whatever the chunk size.  The same seed for every chunk would instead
give all chunks the same random numbers.

The stride is an internal of Aer: a test compares split and unsplit runs.
"""

from collections.abc import Mapping
from typing import Any

SEED_STRIDE = 2113
"""Distance between the seeds of neighbouring circuits in one Aer run."""


def shifted_seed(options: Mapping[str, Any], start_index: int) -> dict[str, int]:
    """Return the seed for a chunk whose first circuit is ``start_index`` of the job set.

    >>> shifted_seed({"seed_simulator": 7}, 10)
    {'seed_simulator': 21137}
    >>> shifted_seed({"shots": 100}, 10)
    {}
    """
    seed = options.get("seed_simulator")
    return {} if seed is None else {"seed_simulator": seed + SEED_STRIDE * start_index}
