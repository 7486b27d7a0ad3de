"""The circuits of a set, read back from the store."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from qiskit import QuantumCircuit

if TYPE_CHECKING:
    from jobset_client.stored_set import StoredSet


class StoredCircuits(Sequence[QuantumCircuit]):
    """All circuits of a set, in order, decoded chunk by chunk as they are looked at.

    Only the chunk that was looked at last is kept: take ``list(...)`` of it to keep them all.

    Args:
        stored: The set.
    """

    def __init__(self, stored: "StoredSet") -> None:
        self._stored = stored
        self._layout = stored.layout
        self._chunk_index: int | None = None
        self._chunk: list[QuantumCircuit] = []

    def __len__(self) -> int:
        return self._layout.circuit_count

    @overload
    def __getitem__(self, index: int) -> QuantumCircuit: ...

    @overload
    def __getitem__(self, index: slice) -> list[QuantumCircuit]: ...

    def __getitem__(self, index: int | slice) -> QuantumCircuit | list[QuantumCircuit]:
        if isinstance(index, slice):
            return [self._at(position) for position in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"no circuit {index}: there are {len(self)}")
        return self._at(position)

    def __iter__(self) -> Iterator[QuantumCircuit]:
        return (self._at(position) for position in range(len(self)))

    def _at(self, position: int) -> QuantumCircuit:
        chunk_index, offset = self._layout.locate(position)
        if chunk_index != self._chunk_index:
            self._chunk = self._stored.managed_job(chunk_index).circuits()
            self._chunk_index = chunk_index
        return self._chunk[offset].copy()
