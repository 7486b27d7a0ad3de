"""Which chunk holds which circuit, whatever was halved on the way.

The layout is arithmetic on a set's description: chunks that were halved are left out, and their
parts stand in their place, in the order of the circuits.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from jobset_protocol.errors import CircuitNotFoundError
from jobset_protocol.messages import ChunkKey, SetRecord


class ChunkLayout:
    """The chunks that make up a set, in the order of its circuits.

    Args:
        record: The set's description.

    >>> layout = ChunkLayout(SetRecord("5f", "a", "aer", "me", circuit_count=1000, chunk_size=300))
    >>> len(layout), layout.locate(501)
    (4, (1, 201))
    """

    def __init__(self, record: SetRecord) -> None:
        self._record = record
        self.circuit_count = record.circuit_count
        is_plain = record.ranges is None and not record.parts
        self.indices: Sequence[int] = (
            range(record.chunk_count) if is_plain else _in_order_of_circuits(record)
        )
        """The chunks' indices; without halved chunks just 0, 1, 2 …"""
        self._starts = None if is_plain else [self.circuits_of(i).start for i in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[int, range]]:
        return ((index, self.circuits_of(index)) for index in self.indices)

    @property
    def keys(self) -> list[ChunkKey]:
        """The chunks' keys, in the order of their circuits."""
        return [ChunkKey(self._record.set_id, index) for index in self.indices]

    def circuits_of(self, chunk_index: int) -> range:
        """Return the circuit indices of one chunk."""
        return self._record.circuits_of(chunk_index)

    def locate(self, circuit_index: int) -> tuple[int, int]:
        """Return ``(chunk_index, offset)`` of one circuit.

        Raises:
            CircuitNotFoundError: The index is outside the job set.
        """
        # divmod would send -1 to a plausible wrong chunk.
        if not 0 <= circuit_index < self.circuit_count:
            raise CircuitNotFoundError(
                f"no circuit {circuit_index} in a job set of {self.circuit_count}"
            )
        if self._starts is None:
            return divmod(circuit_index, self._record.chunk_size)
        position = bisect_right(self._starts, circuit_index) - 1
        return self.indices[position], circuit_index - self._starts[position]


def _in_order_of_circuits(record: SetRecord) -> list[int]:
    halved = {part.parent for part in record.parts.values()}
    left = (index for index in range(record.chunk_count) if index not in halved)
    return sorted(left, key=lambda index: record.circuits_of(index).start)
