"""What holds after every step of a history, and where a history ends when all goes well."""

import sys
from collections import Counter

from hypothesis.stateful import invariant

from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import FINAL, TRANSITIONS, ChunkStatus
from tests.faults.model.fates import WELL
from tests.faults.model.history import History
from tests.faults.model.provider import Kind
from tests.faults.model.view import FINAL_CODES, HELD_CODES, View
from tests.faults.model.world import OWNERS
from tests.known_keys import assert_no_leaked_key
from worker.providers.base import PollStatus

_UNSENT = ChunkStatus.UNSENT.code


class Invariants(History):
    """What must hold."""

    @invariant()
    def all_holds(self) -> None:
        now = self.look(f"({self.last_event}")
        assert not self.problems, self.problems
        assert not self.provider.complaints, self.provider.complaints
        self._one_job_an_attempt()
        self._one_claim_a_fence()
        if self.is_deleted:
            self._nothing_is_left(now)
        else:
            self._counts_are_right(now)
            self._moves_are_legal(now)
            self._slots_are_kept(now)
            self._circuits_are_whole(now)
        self.seen = now
        self.restarted.clear()

    def _one_job_an_attempt(self) -> None:
        jobs = Counter(job.tag for job in self.provider.jobs)
        twice = {tag for tag, number in jobs.items() if number > 1} - self.provider.excused
        assert not twice, f"paid for twice: {twice}"

    def _one_claim_a_fence(self) -> None:
        fences = Counter((claim.key, claim.fence) for claim in self.store.claims)
        assert max(fences.values(), default=1) == 1, "two claims hold one chunk"

    def _nothing_is_left(self, now: View) -> None:
        assert not now.codes
        assert not now.counts
        left = list(self.observer.client.scan_iter(f"*{self.set_id}*", count=10_000))
        assert left == []

    def _counts_are_right(self, now: View) -> None:
        counted = Counter(now.codes)
        counted[_UNSENT] += now.is_open
        expected = {code: number for code, number in counted.items() if number}
        assert {code: n for code, n in now.counts.items() if code != "left"} == expected
        assert now.counts.get("left", 0) == now.unfinished, "'left' is wrong"
        assert now.is_live or now.unfinished == 0, "nobody would sweep this set"
        if now.events:
            self.last_event = now.events[-1][0]
            assert now.events[-1][3] == now.unfinished, "the last event counts otherwise"

    def _moves_are_legal(self, now: View) -> None:
        if self.seen is None:
            return
        codes = list(self.seen.codes) + ["Q"] * (len(now.codes) - len(self.seen.codes))
        for _, index, code, _ in now.events:
            if index < 0 and code in FINAL_CODES:
                # All that nobody holds, in one event.
                gone = _UNSENT if code == ChunkStatus.FAILED.code else _UNSENT + "Q"
                codes = [code if each in gone else each for each in codes]
            elif index >= 0:
                self._move(codes, index, code)
        for index, code in enumerate(now.codes):
            self._move(codes, index, code)
        for old, new in zip(self.seen.chunks, now.chunks, strict=False):
            assert int(old.get(b"fence", 0)) <= int(new.get(b"fence", 0)), "a fence went down"

    def _move(self, codes: list[str], index: int, code: str) -> None:
        if code == codes[index]:
            return
        if codes[index] == _UNSENT and code not in FINAL_CODES:
            # One event tells of all that a client has sent at once.
            codes[index] = "Q"
        source, target = ChunkStatus.from_code(codes[index]), ChunkStatus.from_code(code)
        codes[index] = code
        if source is not target:
            assert target in TRANSITIONS[source], f"chunk {index}: {source} → {target}"
            assert source not in FINAL or index in self.restarted, f"chunk {index} left {source}"

    def _slots_are_kept(self, now: View) -> None:
        if self.backend.max_pending is None:
            assert not now.slots
            return
        assert len(now.slots) <= self.backend.max_pending, "more at the provider than may be"
        holders = {ChunkKey.parse(member).index for member in now.slots}
        held = {index for index, code in enumerate(now.codes) if code in HELD_CODES}
        self.without_slot &= held
        lacking = held - holders - self.without_slot
        assert not lacking, f"chunks {lacking} hold no slot"

    def _circuits_are_whole(self, now: View) -> None:
        record = self.observer.set_record(self.set_id)
        leaves = [i for i, code in enumerate(now.codes) if code != ChunkStatus.SPLIT.code]
        circuits = sorted(circuit for index in leaves for circuit in record.circuits_of(index))
        assert circuits == list(range(record.circuit_count))
        if self.client_lives:
            assert record.circuit_count == self.circuits, "circuits came twice, or not at all"
        for index, code in enumerate(now.codes):
            if code not in FINAL_CODES and code != _UNSENT:
                assert now.payloads[record.source_of(index)], f"chunk {index} lost its circuits"

    # -- the end

    def teardown(self) -> None:
        """From here on all goes well: everything ends, and nothing is left over."""
        try:
            # A history that has failed is not judged again.
            if sys.exception() is None:
                self._end_well()
        finally:
            self.world.forget()
            self.lifeline.meanwhile = lambda _: None

    def _end_well(self) -> None:
        if not self.is_deleted:
            self.let_the_client_be_silent()
        now = self.look("+")
        for _ in range(10 + 3 * len(now.codes)):
            self._let_all_go_well()
            self.all_holds()
            now = self.look("+")
            if now.is_over and not self.messages.waiting:
                break
        else:
            raise AssertionError(f"this never ends: {now}")
        assert_no_leaked_key(self.observer)
        if not self.is_deleted:
            self._judge(self.observer.set_record(self.set_id), now)

    def _let_all_go_well(self) -> None:
        self.provider.list_all()
        self.provider.end()
        self.let_leases_lapse()
        self.restart_the_watchers()
        with self.lifeline.lived(WELL):
            self.attend(self.watcher)
            self.recovery.sweep()
            while self.messages.waiting:
                self.work(0, OWNERS[0])

    def _judge(self, job_set: SetRecord, now: View) -> None:
        """Demand a result of every chunk that is done, and that every job is accounted for."""
        keys = [ChunkKey(self.set_id, index) for index in range(len(now.codes))]
        records = self.observer.chunks(keys)
        results = self.observer.results(keys)
        known = set()
        for record, result in zip(records, results, strict=True):
            assert result or record.status is not ChunkStatus.DONE, f"{record.key} has no result"
            known |= {record.reference, *(past.reference for past in record.history)}
            known |= {extra.reference for extra in record.extra_jobs}
        if self.provider.kind is Kind.FINDS:
            # A job that the provider forgot before anybody heard of it cannot be known.
            jobs = [job for job in self.provider.jobs if job.status is not PollStatus.LOST]
            unknown = [job for job in jobs if job.reference not in known]
            assert not unknown, f"nobody knows of the jobs {unknown}"
