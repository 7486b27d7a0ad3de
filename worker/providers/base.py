"""What a provider adapter must do.

One adapter a file beside this one; the registry finds them through the entry-point group
``jobset.providers``.  An adapter is either local (the job lives in this process and there is
nothing to re-attach to) or remote (the job outlives us).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Protocol, runtime_checkable

from qiskit import QuantumCircuit
from qiskit.result import Result

from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import AS_IF_UNSPLIT, JobReference


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter can do, announced to clients and used by recovery.

    Args:
        reattach: A reference serves from another process.
        find: :meth:`RemoteProvider.find` sees every job that carries a tag.
        find_lag_seconds: How long a job may take to become findable, HTTP time-out included.
        cancel: :meth:`RemoteProvider.cancel` can stop a job.
        resubmit_in_doubt: A lost submission costs nothing (simulators): submit again when the
            job cannot be looked up.
        max_circuits: Most circuits in one job.
        max_shots: Most shots of one circuit.
        num_qubits: Width of the device.
        description: One line for people.
    """

    reattach: bool = False
    find: bool = False
    find_lag_seconds: float = 60.0
    cancel: bool = False
    resubmit_in_doubt: bool = False
    max_circuits: int | None = None
    max_shots: int | None = None
    num_qubits: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """The circuits of one chunk.

    Args:
        circuits: In the order of the job set.
        start_index: Index in the job set of the first one; seeds follow it.
        seed_policy: ``as_if_unsplit``, or ``same_for_all``, where seeds do not follow it.
    """

    circuits: Sequence[QuantumCircuit]
    start_index: int
    seed_policy: str = AS_IF_UNSPLIT


class PollStatus(Enum):
    """What a provider says of its job."""

    QUEUED = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()
    LOST = auto()
    """The provider does not know the job any more."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One job as a poll saw it."""

    status: PollStatus
    queue_position: int | None = None
    error: str | None = None


@runtime_checkable
class ProviderAdapter(Protocol):
    """What local and remote adapters share."""

    local: ClassVar[bool]
    capabilities: Capabilities

    def classify(self, error: BaseException) -> FailureKind:
        """Tell what a failure of this provider asks for.

        A failed ``submit`` whose outcome is not known is UNCERTAIN, never TRANSIENT.
        """
        ...


@runtime_checkable
class LocalProvider(ProviderAdapter, Protocol):
    """The job lives in this process: Aer, fake backends, any in-process ``BackendV2``."""

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Run a chunk to its end.

        Returns:
            One experiment a circuit, in order; failed ones have ``success=False``.
        """
        ...


@runtime_checkable
class RemoteProvider(ProviderAdapter, Protocol):
    """The job outlives us."""

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        """Submit a chunk as one job that carries ``tag``."""
        ...

    def find(self, tag: str) -> list[JobReference]:
        """Return the jobs that carry ``tag``, the oldest first."""
        ...

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Ask for many jobs at once; a failed job must not raise."""
        ...

    def result(self, reference: JobReference, payload: Payload) -> Result:
        """Fetch an ended job's result, in full."""
        ...

    def cancel(self, reference: JobReference) -> bool:
        """Ask the provider to stop a job; False when it could not."""
        ...
