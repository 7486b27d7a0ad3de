"""Random histories of the store's state machine, on a real Valkey, crashes included.

``JOBSET_HISTORIES`` is the number of histories (100 by default); 2,000 are the long form.
Every call may go well, lose a reply below or above the caller, or die between two commands.  The
file is long because a state machine is one class.
"""

import contextlib
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError, StaleFenceError, StoreLostError
from jobset_protocol.messages import ChunkKey, Claim, ErrorRecord, JobReference, SetRecord
from jobset_protocol.statuses import FINAL, TRANSITIONS, ChunkStatus
from jobset_protocol.store import RedisStore
from tests.faults.model_support import (
    Call,
    CallerDied,
    CountingProvider,
    Mishap,
    NoMessages,
    View,
    befallen,
    leaf_circuits,
    view,
)
from tests.known_keys import assert_no_leaked_key
from tests.servers import ValkeyServer
from worker.execution import Dispatcher
from worker.providers.base import RemoteProvider
from worker.recovery import Recovery
from worker.steps import ServedBackend, claim_of

HISTORIES = int(os.environ.get("JOBSET_HISTORIES", "100"))
STEPS = 30
ERROR = ErrorRecord("ProviderError", "out of order")
LAPSED, LONG = -1.0, 600.0
S = ChunkStatus

picks = st.integers(0, 50)
# The first is what hypothesis shrinks to; half of all calls go well.
mishaps = st.sampled_from([*[Mishap.NONE] * 6, *list(Mishap)[1:]])


class StoreMachine(RuleBasedStateMachine):
    """One set, three owners, a provider and a watcher."""

    store: ClassVar[RedisStore]

    def __init__(self) -> None:
        super().__init__()
        self.set_id = uuid.uuid4().hex
        self.alias = f"b{self.set_id[:8]}"
        self.provider = CountingProvider()
        backend = ServedBackend(self.alias, cast(RemoteProvider, None))
        self.recovery = Recovery(self.store, {self.alias: backend}, cast(Dispatcher, NoMessages()))
        self.claims: list[Claim] = []
        self.client_lives = True
        self.sent = self.circuits = 0
        self.before: View | None = None
        self.retried: set[int] = set()
        self.last_event = "-"

    # -- calls and what befalls them

    def call(self, mishap: Mishap, operation: Call) -> Any:
        """Make a call.

        Raises:
            CallerDied: Its caller will never know what became of it.
        """
        with befallen(self.store, mishap):
            answer = operation()
        if mishap is Mishap.REPEATED:
            try:
                return operation()
            except StaleFenceError:
                return answer
        return answer

    def act(self, mishap: Mishap, claim: Claim, operation: Call) -> Any:
        """Make a call under a claim: its holder succeeds, and a zombie changes nothing."""
        before = view(self.store, self.set_id)
        index = claim.key.index
        fields = before.chunks[index]
        holds = int(fields.get(b"fence", 0)) == claim.fence
        doubted = before.codes[index] == "?" and fields.get(b"doubted_fence") == b"%d" % claim.fence
        try:
            answer = self.call(mishap, operation)
        except CallerDied:
            return None
        except StaleFenceError:
            assert not holds, f"{claim} was refused"
            return None
        finally:
            if not holds and not doubted:
                after = view(self.store, self.set_id)
                assert after.codes == before.codes, f"the zombie {claim} moved a chunk"
                assert after.chunks == before.chunks, f"the zombie {claim} wrote"
        return answer

    def held(self, pick: int, *statuses: ChunkStatus) -> Claim | None:
        """Return a claim, live or not, on a chunk in one of these statuses."""
        codes = self.codes
        fitting = [
            claim for claim in self.claims if S.from_code(codes[claim.key.index]) in statuses
        ]
        return fitting[-1 - pick % len(fitting)] if fitting else None

    def at(self, pick: int, *statuses: ChunkStatus) -> ChunkKey | None:
        """Return a chunk in one of these statuses."""
        found = [i for i, code in enumerate(self.codes) if S.from_code(code) in statuses]
        return ChunkKey(self.set_id, found[pick % len(found)]) if found else None

    @property
    def codes(self) -> str:
        return view(self.store, self.set_id).codes

    # -- the client

    @initialize(mishap=mishaps, is_open=st.booleans())
    def create(self, mishap: Mishap, is_open: bool) -> None:
        self.is_open = is_open
        self.circuits = 0 if is_open else 10
        record = SetRecord(
            self.set_id, "m", self.alias, "me", self.circuits, 4, tags=("a",), sealed=not is_open
        )
        try:
            self.call(mishap, lambda: self.store.create_set(record, b"" if is_open else b"n"))
        except CallerDied:
            # Another client, for the history's sake: creating may be repeated.
            self.store.create_set(record, b"" if is_open else b"n")

    @precondition(lambda self: self.client_lives)
    @rule(mishap=mishaps, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=2))
    def send(self, mishap: Mishap, sizes: list[int]) -> None:
        first = self.sent
        try:
            if self.is_open:
                self.sent = self._grow(mishap, first, sizes)
            elif first < 3:
                payloads = [b"p"] * min(len(sizes), 3 - first)
                self.sent = first + len(payloads)
                self.call(mishap, lambda: self.store.add_chunks(self.set_id, first, payloads))
        except CallerDied:
            self.client_lives = False
        except InvalidStateError:
            record = self.store.set_record(self.set_id)
            assert record.sealed or record.cancelled
            self.client_lives = False

    def _grow(self, mishap: Mishap, first: int, sizes: list[int]) -> int:
        payloads = [f"{self.circuits}+{offset}".encode() for offset in range(len(sizes))]
        got: int = self.call(
            mishap,
            lambda: self.store.grow_set(self.set_id, first, payloads, sizes=sizes, names=b"n"),
        )
        self.circuits += sum(sizes)
        stored = [self.store.payload(ChunkKey(self.set_id, got + i)) for i in range(len(sizes))]
        assert stored == payloads
        return got + len(sizes)

    @precondition(lambda self: self.is_open and self.client_lives)
    @rule(mishap=mishaps)
    def seal(self, mishap: Mishap) -> None:
        self.client_lives = False
        self._suffer(mishap, lambda: self.store.seal_set(self.set_id))

    @rule(mishap=mishaps)
    def cancel(self, mishap: Mishap) -> None:
        self._suffer(mishap, lambda: self.store.cancel_set(self.set_id))

    @rule(mishap=mishaps, pick=picks)
    def retry(self, mishap: Mishap, pick: int) -> None:
        key = self.at(pick, S.FAILED, S.CANCELLED)
        if key is None:
            return
        source = self.store.set_record(self.set_id).source_of(key.index)
        self.retried.add(key.index)
        try:
            self._suffer(mishap, lambda: self.store.retry(self.set_id, {key.index: source}))
        except StoreLostError:
            assert not view(self.store, self.set_id).payloads[source]

    @rule(mishap=mishaps, name=st.sampled_from("mno"))
    def rename(self, mishap: Mishap, name: str) -> None:
        self._suffer(mishap, lambda: self.store.rename_set(self.set_id, name))
        found = [each.set_id for each in self.store.find_sets(backend=self.alias)]
        assert found == [self.set_id]

    @rule(mishap=mishaps, tags=st.sets(st.sampled_from("abc")))
    def retag(self, mishap: Mishap, tags: set[str]) -> None:
        self._suffer(mishap, lambda: self.store.retag_set(self.set_id, sorted(tags)))
        for tag in self.store.set_record(self.set_id).tags:
            found = self.store.find_sets(tag=tag, backend=self.alias)
            assert [each.set_id for each in found] == [self.set_id]

    def _suffer(self, mishap: Mishap, operation: Call) -> None:
        with contextlib.suppress(CallerDied):
            self.call(mishap, operation)

    # -- workers

    @rule(mishap=mishaps, pick=picks, owner=st.sampled_from("abc"), lapsed=st.booleans(),
          local=st.sampled_from([False, False, True]))  # fmt: skip
    def claim(self, mishap: Mishap, pick: int, owner: str, lapsed: bool, local: bool) -> None:
        key = self.at(pick, S.QUEUED)
        if key is None:
            return
        source = self.store.set_record(self.set_id).source_of(key.index)
        answers: list[Any] = []
        lease = LAPSED if lapsed else LONG
        into = S.RUNNING if local else S.CLAIMED
        self._suffer(
            mishap,
            lambda: answers.append(
                self.store.claim(
                    key, backend=self.alias, owner=owner, lease_seconds=lease, into=into,
                    source=source,
                )
            ),
        )  # fmt: skip
        taken = [answer for answer in answers if answer is not None]
        assert len(taken) <= 1
        for claim, payload in taken:
            assert payload
            self.claims.append(claim)

    @rule(mishap=mishaps, pick=picks)
    def extend(self, mishap: Mishap, pick: int) -> None:
        claim = self.held(pick, S.CLAIMED, S.SUBMITTING, S.COLLECTING)
        if claim:
            self.act(
                mishap,
                claim,
                lambda: self.store.extend(claim, backend=self.alias, lease_seconds=LONG),
            )

    @rule(mishap=mishaps, pick=picks)
    def intend(self, mishap: Mishap, pick: int) -> None:
        claim = self.held(pick, S.CLAIMED)
        if claim and self.act(mishap, claim, lambda: self.store.intend(claim)):
            assert self.codes[claim.key.index] == "I", "an intent was not written down"

    @rule(mishap=mishaps, pick=picks, dies=st.booleans())
    def submit(self, mishap: Mishap, pick: int, dies: bool) -> None:
        """Call the provider as an honest worker does, and write down what it said, or die."""
        claim = self.held(pick, S.SUBMITTING)
        if claim is None or not self._still_holds(claim):
            return
        found = self.provider.find(claim.tag) if claim.fence > 1 else []
        reference = found[0] if found else self.provider.submit(claim.tag)
        if not dies:
            self._submitted(mishap, claim, reference)

    def _still_holds(self, claim: Claim) -> bool:
        try:
            self.store.extend(claim, backend=self.alias, lease_seconds=LAPSED)
        except StaleFenceError:
            return False
        return True

    @rule(mishap=mishaps, pick=picks)
    def answer_late(self, mishap: Mishap, pick: int) -> None:
        """Let a provider's answer come when the claim may be over."""
        claim = self.held(pick, *S)
        if claim and (found := self.provider.find(claim.tag)):
            self._submitted(mishap, claim, found[0], late=True)

    def _submitted(
        self, mishap: Mishap, claim: Claim, reference: JobReference, *, late: bool = False
    ) -> None:
        index = claim.key.index
        fields = view(self.store, self.set_id)
        doubted = fields.chunks[index].get(b"doubted_fence") == b"%d" % claim.fence
        takes = fields.codes[index] == "?" and doubted

        def record() -> None:
            self.store.submitted(claim, reference, backend=self.alias, poll_after_seconds=0)

        if not late:
            self.act(mishap, claim, record)
        elif takes:
            self._suffer(mishap, record)
        else:
            try:
                self._suffer(mishap, record)
            except StaleFenceError:
                assert self.codes == fields.codes

    @rule(mishap=mishaps, pick=picks, status=st.sampled_from([S.SUBMITTED, S.RUNNING]))
    def observe(self, mishap: Mishap, pick: int, status: ChunkStatus) -> None:
        key = self.at(pick, S.SUBMITTED)
        if key:
            [record] = self.store.chunks([key])
            self.act(mishap, claim_of(record), lambda: self.store.observed(record, status, 3))

    @rule(mishap=mishaps, pick=picks, owner=st.sampled_from("abc"))
    def collect(self, mishap: Mishap, pick: int, owner: str) -> None:
        key = self.at(pick, S.SUBMITTED)
        if key is None:
            return
        answers: list[Claim | None] = []
        self._suffer(
            mishap,
            lambda: answers.append(
                self.store.claim_collection(
                    key, backend=self.alias, owner=owner, lease_seconds=LAPSED
                )
            ),
        )
        self.claims += [claim for claim in answers if claim]

    @rule(mishap=mishaps, pick=picks, status=st.sampled_from([S.DONE, S.FAILED, S.CANCELLED]))
    def finish(self, mishap: Mishap, pick: int, status: ChunkStatus) -> None:
        claim = self.held(pick, S.RUNNING, S.COLLECTING)
        if claim:
            error = None if status is S.DONE else ERROR
            self.act(
                mishap,
                claim,
                lambda: self.store.finish(
                    claim, status, backend=self.alias, result=b"r", error=error
                ),
            )

    @rule(mishap=mishaps, pick=picks)
    def split(self, mishap: Mishap, pick: int) -> None:
        claim = self.held(pick, S.RUNNING, S.COLLECTING)
        record = self.store.set_record(self.set_id)
        if claim and len(record.circuits_of(claim.key.index)) > 1:
            self.act(
                mishap,
                claim,
                lambda: self.store.split(claim, record, backend=self.alias, error=ERROR),
            )

    @rule(mishap=mishaps, pick=picks)
    def give_back(self, mishap: Mishap, pick: int) -> None:
        claim = self.held(pick, S.CLAIMED)
        if claim:
            self.act(
                mishap, claim, lambda: self.store.requeue(claim, backend=self.alias, counter="")
            )

    @rule(mishap=mishaps, pick=picks)
    def lose_the_job(self, mishap: Mishap, pick: int) -> None:
        claim = self.held(pick, S.SUBMITTED, S.COLLECTING)
        if claim:
            self.act(
                mishap,
                claim,
                lambda: self.store.new_attempt(
                    claim, backend=self.alias, error=ERROR, delay_seconds=1
                ),
            )

    # -- the watcher

    @rule(mishap=mishaps, pick=picks)
    def recover(self, mishap: Mishap, pick: int) -> None:
        """Do what the watcher does with a chunk whose worker is gone."""
        key = self.at(pick, S.CLAIMED, S.RUNNING, S.SUBMITTING, S.IN_DOUBT, S.COLLECTING)
        if key is None:
            return
        [record] = self.store.chunks([key])
        claim, store, alias = claim_of(record), self.store, self.alias
        found = self.provider.find(claim.tag)
        calls: dict[ChunkStatus, Call] = {
            S.SUBMITTING: lambda: store.doubt(claim, backend=alias, lapsed_only=True),
            S.COLLECTING: lambda: store.reopen(
                claim, backend=alias, counter="crash", lapsed_only=True
            ),
        }
        if record.status is S.IN_DOUBT and found:
            self._submitted(mishap, claim, found[0])
        elif record.status in calls:
            self.act(mishap, claim, calls[record.status])
        elif record.reference is None:
            lapsed_only = record.status is not S.IN_DOUBT
            self.act(
                mishap,
                claim,
                lambda: store.requeue(
                    claim, backend=alias, counter="crash", lapsed_only=lapsed_only
                ),
            )

    @rule(mishap=mishaps)
    def sweep(self, mishap: Mishap) -> None:
        self._suffer(mishap, self.recovery.sweep)

    @rule(mishap=mishaps)
    def settle(self, mishap: Mishap) -> None:
        self._suffer(mishap, lambda: self.store.settle_set(self.set_id))

    @rule(mishap=mishaps)
    def give_the_client_up(self, mishap: Mishap) -> None:
        self._suffer(mishap, lambda: self.store.fail_unsent(self.set_id, ERROR, idle_seconds=0))

    # -- what always holds

    @invariant()
    def all_holds(self) -> None:
        now = view(self.store, self.set_id)
        counted = Counter(now.codes)
        counted["."] += now.is_open
        expected = {code: number for code, number in counted.items() if number}
        assert {code: n for code, n in now.counts.items() if code != "left"} == expected
        assert now.counts.get("left", 0) == now.unfinished
        assert now.is_live or now.unfinished == 0, "nobody would sweep this set"
        assert all(len(jobs) <= 1 for jobs in self.provider.jobs.values()), "paid for twice"
        self._moves_are_legal(now)
        self._circuits_are_whole(now)
        self.before = now
        self.retried = set()

    def _moves_are_legal(self, now: View) -> None:
        codes = list(self.before.codes if self.before else now.codes)
        codes += ["Q"] * (len(now.codes) - len(codes))
        for index, code in self._events():
            if index >= 0 and code != codes[index]:
                self._move(codes, index, code)
        for index, code in enumerate(now.codes):
            if code != codes[index]:
                self._move(codes, index, code)
        if self.before:
            for old, new in zip(self.before.chunks, now.chunks, strict=False):
                assert int(old.get(b"fence", 0)) <= int(new.get(b"fence", 0)), "a fence went down"

    def _move(self, codes: list[str], index: int, code: str) -> None:
        source, target = S.from_code(codes[index]), S.from_code(code)
        assert target in TRANSITIONS[source], f"chunk {index}: {source} → {target}"
        assert source not in FINAL or index in self.retried, f"chunk {index} left {source}"
        codes[index] = code

    def _events(self) -> Iterator[tuple[int, str]]:
        entries = self.store.client.xrange(keys.job_set(self.set_id, "events"), self.last_event)
        for event_id, fields in entries:
            self.last_event = f"({event_id.decode()}"
            assert int(fields[b"l"]) >= 0
            if self.before:
                yield int(fields[b"i"]), fields[b"s"].decode()

    def _circuits_are_whole(self, now: View) -> None:
        record = self.store.set_record(self.set_id)
        circuits = leaf_circuits(record, now.codes)
        assert circuits == list(range(record.circuit_count))
        if self.client_lives:
            assert record.circuit_count == self.circuits, "circuits came twice, or not at all"
        for index, code in enumerate(now.codes):
            if S.from_code(code) not in FINAL and code != ".":
                assert now.payloads[record.source_of(index)], f"chunk {index} lost its circuits"

    def teardown(self) -> None:
        assert_no_leaked_key(self.store)
        with befallen(self.store, Mishap.ONE_COMMAND):
            self._suffer(Mishap.NONE, lambda: self.store.delete_set(self.set_id, force=True))
        self.store.delete_set(self.set_id, force=True)
        assert self.set_id not in self.store.live_sets()
        left = list(self.store.client.scan_iter(f"*{self.set_id}*", count=10_000))
        assert left == []


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[StoreMachine]]:
    server = ValkeyServer(tmp_path_factory.mktemp("model"))
    server.start("--appendfsync", "no")
    StoreMachine.store = server.store()
    StoreMachine.store.require_epoch()
    yield StoreMachine
    StoreMachine.store.close()
    server.close()


@pytest.mark.timeout(60 + HISTORIES)
def test_random_histories_hold_the_invariants(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
