"""Every error of Jobset.

::

    JobSetError
    ├── ConfigurationError (ValueError)         a setting or an argument is wrong
    │   ├── InvalidExperimentsError             no circuits, or things that are not circuits
    │   └── InvalidOptionsError                 a run option cannot travel to the worker
    ├── NotFoundError (LookupError)
    │   ├── BackendNotFoundError                no worker has announced the alias
    │   ├── JobSetNotFoundError                 no set has this id
    │   ├── CircuitNotFoundError                no such index, name or circuit in the set
    │   └── AmbiguousNameError                  a name stands for several circuits
    ├── JobSetTimeoutError (TimeoutError)       the call's time is up; the set goes on
    ├── ResultNotAvailableError (LookupError)   that circuit's chunk has no result (yet)
    ├── InvalidStateError (RuntimeError)        the call does not fit the set's state
    ├── MessageError (ValueError)               a broker message that is not ours
    ├── CodecError (ValueError)
    │   ├── PayloadTooLargeError                above a cap; nothing was decoded
    │   └── VersionMismatchError                written by a version that this side cannot read
    ├── StoreError
    │   ├── StoreUnavailableError (ConnectionError)   no answer from the server; retryable
    │   │   └── StoreRefusingError              it answers, and takes no writes for now
    │   ├── StoreUnfitError                     wrong version, eviction policy or persistence
    │   ├── StoreLostError                      the epoch is gone: data was lost
    │   └── StaleFenceError                     another claim took the chunk over
    ├── ProviderError (RuntimeError)            the provider refused or failed; see ``kind``
    └── ClusterError (RuntimeError)             the local cluster cannot start or stop
"""

from enum import StrEnum
from typing import ClassVar


class FailureKind(StrEnum):
    """What a failure asks for; a chunk's limits on attempts are per kind."""

    TRANSIENT = "transient"
    """Try again later, with back-off."""
    LIMIT = "limit"
    """The provider is full; wait for a slot, however long."""
    REJECTED = "rejected"
    """The provider refuses these circuits."""
    FATAL = "fatal"
    """Trying again cannot help."""
    UNCERTAIN = "uncertain"
    """The provider may have accepted the job: look its tag up first."""


class JobSetError(Exception):
    """Something went wrong in Jobset."""

    retryable: ClassVar[bool] = False


class ConfigurationError(JobSetError, ValueError):
    """A setting or an argument is wrong."""


class InvalidExperimentsError(ConfigurationError):
    """The experiments are not a list of circuits."""


class InvalidOptionsError(ConfigurationError):
    """A run option cannot travel to the worker."""


class NotFoundError(JobSetError, LookupError):
    """What was asked for does not exist."""


class BackendNotFoundError(NotFoundError):
    """No worker has announced this backend."""


class JobSetNotFoundError(NotFoundError):
    """No job set has this id."""


class CircuitNotFoundError(NotFoundError):
    """The job set holds no such circuit."""


class AmbiguousNameError(NotFoundError):
    """A name stands for several circuits."""


class JobSetTimeoutError(JobSetError, TimeoutError):
    """The call's time is up; the job set itself goes on."""

    retryable = True


class ResultNotAvailableError(JobSetError, LookupError):
    """The circuit's chunk has no result."""


class InvalidStateError(JobSetError, RuntimeError):
    """The call does not fit the job set's state."""


class MessageError(JobSetError, ValueError):
    """A broker message is not one of ours."""


class CodecError(JobSetError, ValueError):
    """Bytes could not be encoded or decoded."""


class PayloadTooLargeError(CodecError):
    """A blob is larger than its cap; nothing was decoded."""


class VersionMismatchError(CodecError):
    """The bytes were written by a version that this side cannot read."""


class StoreError(JobSetError):
    """The store could not do what was asked."""


class StoreUnavailableError(StoreError, ConnectionError):
    """The server does not answer."""

    retryable = True


class StoreRefusingError(StoreUnavailableError):
    """The server answers, and takes no writes for now: its disk or memory is full, say."""


class StoreUnfitError(StoreError):
    """The server's version or configuration could lose data."""


class StoreLostError(StoreError):
    """The store's epoch is gone: its data was lost, so nothing is submitted."""


class StaleFenceError(StoreError):
    """Another claim took the chunk over; this one may change nothing."""


class ProviderError(JobSetError, RuntimeError):
    """A provider refused or failed.

    Args:
        message: What happened, and what to do next.
        kind: What the failure asks for.
        retry_after_seconds: The provider's own wish for the next attempt, if it gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind = FailureKind.FATAL,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds


class ClusterError(JobSetError, RuntimeError):
    """The local cluster cannot be started, attached to or stopped."""
