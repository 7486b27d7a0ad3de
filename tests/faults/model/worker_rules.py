"""What workers and the provider do: take messages, lose them, end jobs, and write as zombies."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobset_protocol.errors import StaleFenceError
from jobset_protocol.messages import Claim, ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from tests.faults.model.fates import Fate
from tests.faults.model.history import History, fates, picks, troubles
from tests.faults.model.provider import Trouble
from tests.faults.model.view import FINAL_CODES, View
from tests.faults.model.world import OWNERS
from worker.providers.base import PollStatus

_ERROR = ErrorRecord("ProviderError", "out of order")
_FOREIGN = JobReference("a job of nobody")
_ENDS = (*[PollStatus.DONE] * 3, PollStatus.FAILED, PollStatus.CANCELLED, PollStatus.LOST)
_WRITES = (
    "extend", "intend", "submitted", "requeue", "doubt", "reopen", "new_attempt", "finish", "split",
)  # fmt: skip


class WorkerRules(History):
    """The workers' side, and the provider's."""

    @precondition(lambda self: self.messages.waiting)
    @rule(
        fate=fates,
        trouble=troubles,
        pick=picks,
        owner=st.sampled_from(OWNERS),
        redelivered=st.booleans(),
    )
    def take_a_message(
        self, fate: Fate, trouble: Trouble | None, pick: int, owner: str, redelivered: bool
    ) -> None:
        with self.befallen(fate, trouble):
            self.work(pick, owner, redelivered=redelivered)

    @precondition(lambda self: self.messages.waiting)
    @rule(fate=fates, number=st.integers(1, 4), owner=st.sampled_from(OWNERS))
    def take_messages(self, fate: Fate, number: int, owner: str) -> None:
        with self.befallen(fate):
            for _ in range(number):
                self.work(0, owner)

    @precondition(lambda self: self.messages.waiting)
    @rule(pick=picks)
    def lose_a_message(self, pick: int) -> None:
        self.messages.take(pick)

    @precondition(lambda self: any(job.is_live for job in self.provider.jobs))
    @rule(pick=picks, status=st.sampled_from(_ENDS))
    def end_a_job(self, pick: int, status: PollStatus) -> None:
        self.provider.end(status, pick=pick)

    @precondition(lambda self: any(not job.is_listed for job in self.provider.jobs))
    @rule()
    def list_jobs(self) -> None:
        self.provider.list_all()

    @precondition(lambda self: self.is_there() and self.store.claims)
    @rule(pick=picks, write=st.sampled_from(_WRITES))
    def write_as_a_zombie(self, pick: int, write: str) -> None:
        """Let whoever had a claim that is over go on as if it held."""
        claims = self.store.claims
        claim = claims[-1 - pick % len(claims)]
        before = self.look("+")
        is_final = before.codes[claim.key.index] in FINAL_CODES
        if before.fence_of(claim.key) == claim.fence and not is_final:
            return
        if write == "submitted" and _may_settle_its_doubt(before, claim):
            return
        try:
            self._writes(claim)[write]()
        except StaleFenceError:
            pass
        else:
            assert write not in ("extend", "intend"), f"the zombie {claim} was let through"
        after = self.look("+")
        assert after.codes == before.codes, f"the zombie {claim} moved a chunk"
        assert after.chunks == before.chunks, f"the zombie {claim} wrote"

    def _writes(self, claim: Claim) -> dict[str, Callable[[], Any]]:
        store, alias = self.store, self.alias
        job_set = self.observer.set_record(self.set_id)
        return {
            "extend": lambda: store.extend(claim, backend=alias, lease_seconds=1.0),
            "intend": lambda: store.intend(claim, lease_seconds=1.0),
            "submitted": lambda: store.submitted(
                claim, _FOREIGN, backend=alias, poll_after_seconds=0
            ),
            "requeue": lambda: store.requeue(claim, backend=alias, counter="crash"),
            "doubt": lambda: store.doubt(claim, backend=alias, error=_ERROR),
            "reopen": lambda: store.reopen(claim, backend=alias, counter="crash"),
            "new_attempt": lambda: store.new_attempt(
                claim, backend=alias, error=_ERROR, delay_seconds=1
            ),
            "finish": lambda: store.finish(claim, ChunkStatus.DONE, backend=alias, result=b"z"),
            "split": lambda: store.split(claim, job_set, backend=alias, error=_ERROR),
        }


def _may_settle_its_doubt(view: View, claim: Claim) -> bool:
    fields = view.chunks[claim.key.index]
    return (
        view.codes[claim.key.index] == ChunkStatus.IN_DOUBT.code
        and fields.get(b"doubted_fence") == b"%d" % claim.fence
    )
