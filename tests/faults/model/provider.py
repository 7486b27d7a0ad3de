"""A provider in this process that knows every job it ever made, and whose troubles are ordered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from qiskit.result import Result

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import JobReference
from tests.faults.model.fates import Lifeline
from tests.unit.worker.stand_ins import result_of
from worker.providers.base import Capabilities, Payload, Poll, PollStatus

LONG_SECONDS = 3600.0


class Kind(Enum):
    """What a provider is able to do."""

    FINDS = "finds"
    HOLDS = "cannot find: a doubt is held for a person"
    RESUBMITS = "cannot find, and a second job costs nothing"
    LOCAL = "runs in the worker"


class Trouble(Enum):
    """What goes wrong at a provider's next call."""

    REPLY_LOST = auto()
    """The job is made, and the caller does not hear of it."""
    UNLISTED = auto()
    """As above, and for a while no look-up shows the job."""
    TWICE = auto()
    """A gateway repeats the request: two jobs."""
    TRANSIENT = auto()
    LIMIT = auto()
    REJECTED = auto()
    FATAL = auto()
    FIND_FAILS = auto()


_REFUSALS = {
    trouble: FailureKind[trouble.name]
    for trouble in (Trouble.TRANSIENT, Trouble.LIMIT, Trouble.REJECTED, Trouble.FATAL)
}
TROUBLES = (*[None] * 12, *Trouble)


@dataclass
class Job:
    """A job as the provider knows it."""

    reference: JobReference
    tag: str
    status: PollStatus = PollStatus.RUNNING
    is_listed: bool = True

    @property
    def is_live(self) -> bool:
        """Whether it may still cost something."""
        return self.status is PollStatus.RUNNING


class ModelProvider:
    """A remote provider.

    Args:
        kind: What it is able to do.
        lifeline: Of whoever calls.
        circuits_of: Returns the names of the circuits that a job of a tag must hold.
    """

    local: ClassVar[bool] = False

    def __init__(
        self, kind: Kind, lifeline: Lifeline, circuits_of: Callable[[str], list[str]]
    ) -> None:
        self.kind = kind
        self.jobs: list[Job] = []
        self.trouble: Trouble | None = None
        self.excused: set[str] = set()
        """Tags that may have two jobs: no look-up could have shown the first in time."""
        self.complaints: list[str] = []
        self._lifeline = lifeline
        self._circuits_of = circuits_of

    @property
    def capabilities(self) -> Capabilities:
        """What it is able to do; its grace lasts while a job may not be listed, or not be made."""
        is_blind = any(not job.is_listed for job in self.jobs)
        is_awaited = self._lifeline.is_paused and not self._lifeline.has_outlasted
        return Capabilities(
            reattach=True,
            find=self.kind is Kind.FINDS,
            find_lag_seconds=LONG_SECONDS if is_blind or is_awaited else 0.0,
            cancel=True,
            resubmit_in_doubt=self.kind is Kind.RESUBMITS,
        )

    def classify(self, error: BaseException) -> FailureKind:
        """Tell the kind of a trouble."""
        return error.kind if isinstance(error, ProviderError) else FailureKind.UNCERTAIN

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        """Make a job, or two, or none."""
        self._lifeline.reach()
        trouble = self._trouble(Trouble.REPLY_LOST, Trouble.UNLISTED, Trouble.TWICE, *_REFUSALS)
        if trouble in _REFUSALS:
            raise ProviderError("refused", kind=_REFUSALS[trouble])
        if [circuit.name for circuit in payload.circuits] != self._circuits_of(tag):
            self.complaints.append(f"{tag} holds other circuits than its chunk")
        is_doubled = trouble is Trouble.TWICE and self.kind is Kind.FINDS
        if self._lifeline.is_late or is_doubled or self.kind is Kind.RESUBMITS:
            self.excused.add(tag)
        for _ in range(1 + is_doubled):
            reference = JobReference(f"{tag}/{len(self.jobs)}")
            self.jobs.append(Job(reference, tag, is_listed=trouble is not Trouble.UNLISTED))
        self._lifeline.reach()
        if trouble in (Trouble.REPLY_LOST, Trouble.UNLISTED):
            raise ProviderError("no reply", kind=FailureKind.UNCERTAIN)
        return reference

    def find(self, tag: str) -> list[JobReference]:
        """Look a tag up."""
        self._lifeline.reach()
        if self._trouble(Trouble.FIND_FAILS):
            raise ProviderError("no answer", kind=FailureKind.TRANSIENT)
        return [job.reference for job in self.jobs_with(tag, look_up=True)]

    def jobs_with(self, tag: str, *, look_up: bool = False) -> list[Job]:
        """Return the jobs of a tag that a person sees as alive or done, or that a look-up sees."""
        unseen = {PollStatus.LOST} if look_up else {PollStatus.LOST, PollStatus.CANCELLED}
        return [
            job
            for job in self.jobs
            if job.tag == tag and job.status not in unseen and (job.is_listed or not look_up)
        ]

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Tell how jobs fare."""
        self._lifeline.reach()
        wanted = set(references)
        return {
            job.reference: Poll(job.status)
            for job in self.jobs
            if job.reference in wanted and job.is_listed
        }

    def result(self, reference: JobReference, payload: Payload) -> Result:
        """Return counts."""
        self._lifeline.reach()
        trouble = self._trouble(*_REFUSALS)
        if trouble:
            raise ProviderError("no result", kind=_REFUSALS[trouble])
        return result_of(payload)

    def cancel(self, reference: JobReference) -> bool:
        """Cancel a job that has not ended."""
        self._lifeline.reach()
        [job] = [job for job in self.jobs if job.reference == reference]
        if not job.is_live:
            return False
        job.status = PollStatus.CANCELLED
        return True

    def end(self, status: PollStatus = PollStatus.DONE, *, pick: int | None = None) -> None:
        """Let one live job end, or all of them."""
        live = [job for job in self.jobs if job.is_live]
        for job in live if pick is None or not live else [live[pick % len(live)]]:
            job.status = status
            if status is PollStatus.LOST:
                # A provider that forgets a job shows it to no look-up.
                self.excused.add(job.tag)

    def list_all(self) -> None:
        """Show every job from now on."""
        for job in self.jobs:
            job.is_listed = True

    def _trouble(self, *fitting: Trouble) -> Trouble | None:
        """Take the ordered trouble, if it is one of this call's."""
        trouble = self.trouble
        if trouble not in fitting:
            return None
        self.trouble = None
        return trouble


class LocalModelProvider:
    """A provider that runs in the worker, with the troubles of a remote one.

    Args:
        remote: Whose calls stand for the run.
    """

    local: ClassVar[bool] = True
    capabilities = Capabilities()

    def __init__(self, remote: ModelProvider) -> None:
        self._remote = remote

    def classify(self, error: BaseException) -> FailureKind:
        """Tell the kind of a trouble."""
        return self._remote.classify(error)

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Return counts."""
        return self._remote.result(JobReference(""), payload)
