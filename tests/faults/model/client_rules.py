"""What clients do: create, send, cancel, retry, describe and delete a set, or fall silent."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from jobset_protocol.errors import InvalidStateError, JobSetNotFoundError, StoreLostError
from jobset_protocol.messages import ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Resolution
from tests.faults.model.fates import Blow, Fate
from tests.faults.model.history import History, fates, picks
from tests.faults.model.provider import Kind
from tests.faults.model.world import payload_of

_MOST_SENT = 8
_CHUNK_SIZE = 4
_CLOSED_CIRCUITS = 10
# Half of them cannot look a tag up.
_KINDS = (*[Kind.FINDS] * 3, *[Kind.HOLDS] * 3, Kind.RESUBMITS, Kind.LOCAL)
_GIVEN_UP = ErrorRecord("UncertainSubmissionError", "given up")
_SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


class ClientRules(History):
    """The client's side."""

    @initialize(
        fate=fates,
        is_open=st.booleans(),
        kind=st.sampled_from(_KINDS),
        max_pending=st.sampled_from([None, 2]),
        sizes=_SIZES,
    )
    def create(
        self, fate: Fate, is_open: bool, kind: Kind, max_pending: int | None, sizes: list[int]
    ) -> None:
        self.open_backend(kind, max_pending)
        self.is_open = is_open
        self.circuits = 0 if is_open else _CLOSED_CIRCUITS
        record = SetRecord(
            self.set_id, "m", self.alias, "me", self.circuits, _CHUNK_SIZE,
            tags=("a",), sealed=not is_open,
        )  # fmt: skip
        names = b"" if is_open else b"n"
        if fate.blow is not Blow.PAUSE:
            # Nobody knows of the set yet, so nobody acts on it.
            with self.befallen(fate):
                self.store.create_set(record, names)
        # Another client, for the history's sake: creating may be repeated.
        self.store.create_set(record, names)
        self._send(sizes)

    @precondition(lambda self: self.client_lives and self.sent < _MOST_SENT and self.is_there())
    @rule(fate=fates, sizes=_SIZES)
    def send(self, fate: Fate, sizes: list[int]) -> None:
        deaths = self.lifeline.deaths
        try:
            with self.befallen(fate):
                self._send(sizes)
        except (InvalidStateError, JobSetNotFoundError):
            self._assert_takes_no_more()
            self.client_lives = False
        self.client_lives &= self.lifeline.deaths == deaths

    def _send(self, sizes: list[int]) -> None:
        if self.is_open:
            self._grow(sizes)
        else:
            self._add(len(sizes))

    def _add(self, number: int) -> None:
        first, total = self.sent, -(-_CLOSED_CIRCUITS // _CHUNK_SIZE)
        self.sent = min(first + number, total)
        if self.sent == first:
            return
        record = self.observer.set_record(self.set_id)
        payloads = [
            payload_of(circuits.start, len(circuits))
            for circuits in map(record.circuits_of, range(first, self.sent))
        ]
        self.store.add_chunks(self.set_id, first, payloads)
        self.messages.submit(record, range(first, self.sent))

    def _grow(self, sizes: list[int]) -> None:
        payloads = []
        start = self.circuits
        for size in sizes:
            payloads.append(payload_of(start, size))
            start += size
        first = self.store.grow_set(self.set_id, self.sent, payloads, sizes=sizes, names=b"n")
        self.circuits = start
        self.sent = first + len(sizes)
        if not self.is_deleted:
            self.messages.submit(self.observer.set_record(self.set_id), range(first, self.sent))

    def _assert_takes_no_more(self) -> None:
        if not self.is_deleted:
            record = self.observer.set_record(self.set_id)
            assert record.sealed or record.cancelled

    @precondition(lambda self: self.is_open and self.client_lives and self.is_there())
    @rule(fate=fates)
    def seal(self, fate: Fate) -> None:
        self.client_lives = False
        with self.befallen(fate):
            self.store.seal_set(self.set_id)

    @precondition(History.is_there)
    @rule(in_earnest=st.integers(0, 4))
    def fall_silent(self, in_earnest: int) -> None:
        if in_earnest == 4:
            self.let_the_client_be_silent()

    @precondition(History.is_there)
    @rule(fate=fates, in_earnest=st.integers(0, 2))
    def cancel(self, fate: Fate, in_earnest: int) -> None:
        if in_earnest == 2:
            with self.befallen(fate):
                self.unless_deleted(self.cancel_set)

    @precondition(lambda self: self.has(ChunkStatus.FAILED, ChunkStatus.CANCELLED))
    @rule(fate=fates, pick=picks)
    def retry(self, fate: Fate, pick: int) -> None:
        key = self.at(pick, ChunkStatus.FAILED, ChunkStatus.CANCELLED)
        if key is None:
            return
        record = self.observer.set_record(self.set_id)
        source = record.source_of(key.index)
        self.restarted.add(key.index)
        try:
            with self.befallen(fate):
                again = self.store.retry(self.set_id, {key.index: source})
                self.messages.submit(record, again)
        except StoreLostError:
            assert self.is_deleted or not self.look("+").payloads[source]

    @precondition(lambda self: self.has(ChunkStatus.UNCERTAIN))
    @rule(fate=fates, pick=picks, gives_up=st.booleans())
    def resolve(self, fate: Fate, pick: int, gives_up: bool) -> None:
        """Let a person look an uncertain chunk's job up in the provider's own list."""
        key = self.at(pick, ChunkStatus.UNCERTAIN)
        if key is None:
            return
        [chunk] = self.observer.chunks([key])
        jobs = self.provider.jobs_with(chunk.tag)
        if gives_up:
            said = Resolution(key.index, ChunkStatus.FAILED, error=_GIVEN_UP)
        elif jobs:
            said = Resolution(key.index, ChunkStatus.SUBMITTED, reference=jobs[0].reference)
            self.without_slot.add(key.index)
        else:
            said = Resolution(key.index, ChunkStatus.QUEUED)
        self.restarted.add(key.index)
        job_set = self.observer.set_record(self.set_id)
        try:
            with self.befallen(fate):
                self.store.resolve(job_set, [said])
                if said.status is ChunkStatus.QUEUED:
                    self.messages.submit(job_set, [key.index])
        except JobSetNotFoundError:
            assert self.is_deleted

    @precondition(History.is_there)
    @rule(fate=fates, name=st.sampled_from("mno"), tags=st.sets(st.sampled_from("abc")))
    def describe(self, fate: Fate, name: str, tags: set[str]) -> None:
        with self.befallen(fate):
            self.unless_deleted(lambda: self.store.rename_set(self.set_id, name))
            self.unless_deleted(lambda: self.store.retag_set(self.set_id, sorted(tags)))
        if self.is_deleted:
            return
        found = [each.set_id for each in self.observer.find_sets(backend=self.alias)]
        assert found == [self.set_id]
        for tag in self.observer.set_record(self.set_id).tags:
            tagged = self.observer.find_sets(tag=tag, backend=self.alias)
            assert [each.set_id for each in tagged] == [self.set_id]

    @precondition(History.is_there)
    @rule(fate=fates, in_earnest=st.integers(0, 4))
    def delete(self, fate: Fate, in_earnest: int) -> None:
        if in_earnest != 4:
            return
        with self.befallen(fate):
            self.delete_set()
        self.store.delete_set(self.set_id, force=True)
