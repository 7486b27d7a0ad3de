"""Results of chunks: fetched together while they are few bytes, decoded when they are looked at.

Small sets' results are fetched in one pipeline and kept as they are stored.  Those of large sets
stay in the store until they are looked at: the first look fetches one chunk, and each further
fetch brings twice as many.  Decoded ones, which take some ten times the memory, are kept as long
as they were used lately.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from qiskit.result import Result

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.result import decode_result
from jobset_protocol.errors import ResultNotAvailableError
from jobset_protocol.messages import ChunkKey
from jobset_protocol.store.base import SetStore

MOST_AT_ONCE_BYTES = 256_000
"""As stored: up to here all results are fetched at once."""
MOST_AHEAD_BYTES = 1_000_000
"""As stored: so much comes with one fetch beyond it."""
MOST_KEPT_BYTES = 32_000_000
"""As stored: what was fetched first is dropped first."""
MOST_DECODED_BYTES = 16_000_000
"""Before decoding; as Python's objects they take about ten times as much."""


class RecentResults:
    """Decoded results, those forgotten first that were used least lately.

    Args:
        most_bytes: How much may be kept, counted before decoding; one result always may.
    """

    def __init__(self, most_bytes: int = MOST_DECODED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept_bytes = 0
        self._kept: OrderedDict[ChunkResult, tuple[Result, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, chunk: "ChunkResult") -> Result | None:
        """Return a result that was put here, unless it is forgotten."""
        with self._lock:
            if chunk not in self._kept:
                return None
            self._kept.move_to_end(chunk)
            return self._kept[chunk][0]

    def put(self, chunk: "ChunkResult", result: Result, size_bytes: int) -> None:
        """Keep a result, and forget others in its place."""
        with self._lock:
            if chunk not in self._kept:
                self._kept[chunk] = result, size_bytes
                self._kept_bytes += size_bytes
            while self._kept_bytes > self._most_bytes and len(self._kept) > 1:
                _, (_, forgotten_bytes) = self._kept.popitem(last=False)
                self._kept_bytes -= forgotten_bytes


class ChunkResult:
    """One chunk's result, wherever its bytes are.

    Args:
        fetch: Returns what a worker encoded.
        recent: Where decoded results are kept for a while.
    """

    def __init__(self, fetch: Callable[[], bytes], recent: RecentResults) -> None:
        self._fetch = fetch
        self._recent = recent

    @property
    def shared(self) -> Result:
        """The result, decoded when it was not used lately; not to be changed."""
        result = self._recent.get(self)
        if result is None:
            blob = self._fetch()
            result = decode_result(blob)
            self._recent.put(self, result, frame.unpacked_bytes(blob))
        return result

    def fresh(self) -> Result:
        """Return a result that belongs to the caller."""
        return decode_result(self._fetch())


class ResultCache:
    """The results of a set's final chunks.

    Args:
        store: Where they are.
        set_id: Of which set.
    """

    def __init__(self, store: SetStore, set_id: str) -> None:
        self._store = store
        self._set_id = set_id
        self.forget()

    def forget(self) -> None:
        """Ask the store for everything again next time."""
        self._found: dict[int, ChunkResult | None] = {}
        self._at_once_bytes = 0
        self._recent = RecentResults()
        self._later = LaterResults(self._store, self._set_id)

    def fetch(self, indices: Sequence[int]) -> dict[int, ChunkResult]:
        """Return the results that exist; small ones are all read in one pipeline.

        Args:
            indices: Chunks that are final; results of others would be remembered too early.
        """
        missing = [index for index in indices if index not in self._found]
        if missing:
            self._find(missing)
        found = ((index, self._found[index]) for index in indices)
        return {index: result for index, result in found if result is not None}

    def _find(self, indices: Sequence[int]) -> None:
        keys = [ChunkKey(self._set_id, index) for index in indices]
        sizes = dict(zip(indices, self._store.result_bytes(keys), strict=True))
        there = {index: size for index, size in sizes.items() if size is not None}
        self._found.update(dict.fromkeys(indices))
        self._at_once_bytes += sum(there.values())
        if self._at_once_bytes <= MOST_AT_ONCE_BYTES:
            blobs = self._store.results([ChunkKey(self._set_id, index) for index in there])
            for index, blob in zip(there, blobs, strict=True):
                if blob is not None:
                    self._found[index] = ChunkResult(partial(bytes, blob), self._recent)
            return
        self._later.add(there)
        for index in there:
            self._found[index] = ChunkResult(partial(self._later.read, index), self._recent)


class LaterResults:
    """Encoded results that are fetched when they are asked for, and kept for a while.

    Args:
        store: Where they are.
        set_id: Of which set.
    """

    def __init__(self, store: SetStore, set_id: str) -> None:
        self._store = store
        self._set_id = set_id
        self._order: list[tuple[int, int]] = []
        self._positions: dict[int, int] = {}
        self._kept: OrderedDict[int, bytes | None] = OrderedDict()
        self._kept_bytes = 0
        self._next_fetch_chunks = 1
        self._lock = threading.Lock()

    def add(self, sizes: Mapping[int, int]) -> None:
        """Add results: chunk index → bytes, in the order of the circuits."""
        for index, size_bytes in sizes.items():
            self._positions[index] = len(self._order)
            self._order.append((index, size_bytes))

    def read(self, index: int) -> bytes:
        """Return a result's bytes.

        Raises:
            ResultNotAvailableError: They are gone from the store.
        """
        with self._lock:
            if index not in self._kept:
                self._fetch(index)
            blob = self._kept[index]
        if blob is None:
            raise ResultNotAvailableError(
                f"the result of chunk {index} of job set {self._set_id} is gone from the store: "
                "the set was deleted meanwhile, or data was lost"
            )
        return blob

    def _fetch(self, index: int) -> None:
        wanted = self._following(index)
        blobs = self._store.results([ChunkKey(self._set_id, each) for each in wanted])
        self._next_fetch_chunks *= 2
        for each, blob in zip(wanted, blobs, strict=True):
            self._kept[each] = blob
            self._kept_bytes += len(blob or b"")
        while self._kept_bytes > MOST_KEPT_BYTES and len(self._kept) > len(wanted):
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped or b"")

    def _following(self, index: int) -> list[int]:
        wanted: list[int] = []
        total_bytes = 0
        for position in range(self._positions[index], len(self._order)):
            each, size_bytes = self._order[position]
            total_bytes += size_bytes
            is_enough = len(wanted) >= self._next_fetch_chunks or total_bytes > MOST_AHEAD_BYTES
            if wanted and is_enough:
                break
            if each not in self._kept:
                wanted.append(each)
        return wanted
