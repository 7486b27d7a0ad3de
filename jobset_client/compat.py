"""The names of ``qiskit.providers.ibmq.managed``, for code that was written for it.

Change the import, and the rest stays::

    from jobset_client.compat import IBMQJobManager

    job_manager = IBMQJobManager()
    job_set = job_manager.run(circuits, backend=backend, name="foo")

``backend`` is the alias of a backend that workers serve, or an object that is named like one;
where the original took a provider or a thread pool, anything may be given.  Errors are those of
:mod:`jobset_protocol.errors` under their old names, so that old handlers catch them.  Arguments
that are wrong in themselves raise ``ConfigurationError``, a ``ValueError``, which
``IBMQJobManagerError`` catches and ``IBMQJobManagerInvalidStateError`` does not.

>>> issubclass(IBMQJobManagerTimeoutError, IBMQJobManagerError)
True
"""

from jobset_client.job_manager import JobManager
from jobset_client.managed_job import ManagedJob
from jobset_client.managed_job_set import ManagedJobSet
from jobset_client.managed_results import ManagedResults
from jobset_protocol.errors import (
    CircuitNotFoundError,
    InvalidStateError,
    JobSetError,
    JobSetNotFoundError,
    JobSetTimeoutError,
    ResultNotAvailableError,
)

__all__ = [
    "IBMQJobManager",
    "IBMQJobManagerError",
    "IBMQJobManagerInvalidStateError",
    "IBMQJobManagerJobNotFound",
    "IBMQJobManagerTimeoutError",
    "IBMQJobManagerUnknownJobSet",
    "IBMQManagedResultDataNotAvailable",
    "ManagedJob",
    "ManagedJobSet",
    "ManagedResults",
]

IBMQJobManager = JobManager
IBMQJobManagerError = JobSetError
IBMQJobManagerInvalidStateError = InvalidStateError
IBMQJobManagerTimeoutError = JobSetTimeoutError
IBMQJobManagerJobNotFound = CircuitNotFoundError
IBMQJobManagerUnknownJobSet = JobSetNotFoundError
IBMQManagedResultDataNotAvailable = ResultNotAvailableError
