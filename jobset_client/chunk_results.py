"""Results of chunks: fetched together, decoded one by one when they are looked at."""

from collections.abc import Sequence
from functools import cached_property

from qiskit.result import Result

from jobset_protocol.codecs.result import decode_result
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.base import SetStore


class ChunkResult:
    """One chunk's result as it lies in the store.

    Args:
        blob: What a worker encoded.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob

    @cached_property
    def shared(self) -> Result:
        """The result, decoded once; not to be changed."""
        return self.fresh()

    def fresh(self) -> Result:
        """Return a result that belongs to the caller."""
        return decode_result(self._blob)


class ResultCache:
    """The results of a set's final chunks; each is fetched once.

    Args:
        store: Where they are.
        set_id: Of which set.
    """

    def __init__(self, store: SetStore, set_id: str) -> None:
        self._store = store
        self._set_id = set_id
        self._found: dict[int, ChunkResult | None] = {}

    def fetch(self, indices: Sequence[int]) -> dict[int, ChunkResult]:
        """Return the results that exist, all missing ones read in one pipeline.

        Args:
            indices: Chunks that are final; results of others would be remembered too early.
        """
        missing = [index for index in indices if index not in self._found]
        if missing:
            blobs = self._store.results([ChunkKey(self._set_id, index) for index in missing])
            for index, blob in zip(missing, blobs, strict=True):
                self._found[index] = None if blob is None else ChunkResult(blob)
        found = ((index, self._found[index]) for index in indices)
        return {index: result for index, result in found if result is not None}

    def forget(self) -> None:
        """Fetch everything again next time."""
        self._found.clear()
