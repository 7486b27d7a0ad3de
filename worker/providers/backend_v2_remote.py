"""The ``backend_v2`` provider's remote mode: ``BackendV2.run`` submits, jobs outlive us.

::

    [backends.ion]
    provider = "backend_v2"
    backend = "my_site.devices:ion_trap"   # returns a BackendV2, with its credentials
    local = false
    tag_option = "name"           # the run option that takes our tag, for people to search by
    in_doubt = "hold"             # "resubmit" where a second job costs nothing
    seeds = "aer"                 # the backend runs on Aer: seeds as in one unsplit run

``BackendV2`` has no way to look a job up by tag, so a submission whose outcome is not known stays
*uncertain* and waits for a person, unless ``in_doubt`` is ``resubmit``.  A job is found again by
its id, by the first of these that the backend has: ``backend.retrieve_job``,
``provider.retrieve_job``, ``provider.get_job``, ``provider.job``, ``service.job``.

Without ``seeds``, every chunk gets the run's seed as it is, if the backend takes one at all: what
a provider makes of it for the second circuit is not known here.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from qiskit.providers import BackendV2, JobStatus
from qiskit.result import Result

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from jobset_protocol.messages import JobReference
from worker.providers.backend_v2 import (
    BackendV2Options,
    announced,
    build_backend,
    known_run_options,
)
from worker.providers.base import Capabilities, Payload, Poll, PollStatus
from worker.providers.experiments import one_a_circuit
from worker.providers.failures import http_status, submission_kind, wished_delay_seconds
from worker.providers.options import read_adapter_options, require_known_options
from worker.providers.per_process import PerProcess
from worker.providers.seeds import aer_seed

_STATUSES: Mapping[str, PollStatus] = {
    JobStatus.INITIALIZING.name: PollStatus.QUEUED,
    JobStatus.VALIDATING.name: PollStatus.QUEUED,
    JobStatus.QUEUED.name: PollStatus.QUEUED,
    JobStatus.RUNNING.name: PollStatus.RUNNING,
    JobStatus.DONE.name: PollStatus.DONE,
    JobStatus.CANCELLED.name: PollStatus.CANCELLED,
    JobStatus.ERROR.name: PollStatus.FAILED,
    # Strings of clients that do not use JobStatus.
    "COMPLETED": PollStatus.DONE,
    "CANCELED": PollStatus.CANCELLED,
    "FAILED": PollStatus.FAILED,
}
_KEPT_JOBS = 1000

Retrieve = Callable[[str], Any]


class RemoteBackendOptions(BackendV2Options):
    """The table of a backend whose jobs outlive us."""

    tag_option: str | None = None
    seeds: Literal["aer"] | None = None


def create_remote(alias: str, options: Mapping[str, Any]) -> "RemoteBackendProvider":
    """Build the adapter from a backend's table.

    Raises:
        ConfigurationError: An option is wrong, the backend cannot be built, or its jobs cannot be
            found again by their id.
    """
    return RemoteBackendProvider(alias, read_adapter_options(RemoteBackendOptions, alias, options))


class RemoteBackendProvider:
    """Submits with ``BackendV2.run`` and finds jobs again by their id.

    Args:
        alias: The backend's name, for messages.
        options: The backend's table.
    """

    local: ClassVar[bool] = False

    def __init__(self, alias: str, options: RemoteBackendOptions) -> None:
        self._alias = alias
        self._tag_option = options.tag_option
        # A client's connections do not survive a fork.
        self._session = PerProcess(lambda: _Session(alias, build_backend(alias, options)))
        backend = self._session().backend
        self._run_options = known_run_options(backend, options)
        self._moves_seeds = options.seeds == "aer"
        takes_seed = "seed_simulator" in self._run_options and not self._moves_seeds
        note = "every chunk gets the same seed" if takes_seed else None
        self.capabilities = Capabilities(
            reattach=True,
            cancel=True,
            **announced(backend, options, seeds=note),
        )

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        """Submit a chunk as one job.

        Raises:
            ProviderError: REJECTED, FATAL or LIMIT when the provider said so; otherwise
                UNCERTAIN, since clients repeat requests by themselves.
        """
        require_known_options(self._alias, options, self._run_options)
        tagged = {**options, self._tag_option: tag} if self._tag_option else dict(options)
        if self._moves_seeds:
            tagged |= aer_seed(options, payload)
        session = self._session()
        try:
            job = session.backend.run(list(payload.circuits), **tagged)
            job_id = str(job.job_id())
        except Exception as error:
            raise ProviderError(
                f"{self._alias}: submission (tag {tag}) failed: {_told(error)}",
                kind=submission_kind(error),
                retry_after_seconds=wished_delay_seconds(error),
            ) from error
        session.keep(job_id, job)
        return JobReference(job_id)

    def find(self, tag: str) -> list[JobReference]:
        """Refuse: see ``capabilities.find``.

        Raises:
            ProviderError: Always.
        """
        raise ProviderError(
            f"{self._alias}: a BackendV2 cannot look jobs up; search for {tag} at the provider"
        )

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Ask for each job; one that cannot be asked for now is as it was.

        Raises:
            ProviderError: TRANSIENT; not one of them could be asked for.
        """
        session = self._session()
        polls: dict[JobReference, Poll] = {}
        unanswered: list[Exception] = []
        for reference in references:
            try:
                polls[reference] = session.poll(reference.job_id)
            except Exception as error:  # noqa: BLE001 - clients raise classes of their own
                unanswered.append(error)
                polls[reference] = Poll(session.last_status(reference.job_id), error=_told(error))
        if unanswered and len(unanswered) == len(references):
            raise ProviderError(
                f"{self._alias}: no job's status could be read: {_told(unanswered[0])}",
                kind=FailureKind.TRANSIENT,
                retry_after_seconds=wished_delay_seconds(unanswered[0]),
            ) from unanswered[0]
        return polls

    def result(self, reference: JobReference, payload: Payload) -> Result:
        """Fetch an ended job's result.

        Raises:
            ProviderError: FATAL for a job that failed; else TRANSIENT, since it is paid for.
        """
        try:
            result = self._session().job(reference.job_id).result()
        except Exception as error:
            failed = _is_job_failure(error)
            raise ProviderError(
                f"{self._alias}: job {reference.job_id} gave no result: {_told(error)}",
                kind=FailureKind.FATAL if failed else FailureKind.TRANSIENT,
                retry_after_seconds=wished_delay_seconds(error),
            ) from error
        return one_a_circuit(result, payload.circuits, source=self._alias)

    def cancel(self, reference: JobReference) -> bool:
        """Ask for a cancellation; False when the provider refuses or does not answer."""
        try:
            # Some clients return nothing for a success.
            return self._session().job(reference.job_id).cancel() is not False
        except Exception:  # noqa: BLE001 - clients raise classes of their own
            return False

    def classify(self, error: BaseException) -> FailureKind:
        """Classify what is no ProviderError as for a submission: nothing is known of it."""
        return error.kind if isinstance(error, ProviderError) else submission_kind(error)


class _Session:
    """A backend in this process, and the jobs that it was asked for lately."""

    def __init__(self, alias: str, backend: BackendV2) -> None:
        self.backend = backend
        self._retrieve = _retrieve_of(alias, backend)
        self._jobs: OrderedDict[str, Any] = OrderedDict()
        self._statuses: OrderedDict[str, PollStatus] = OrderedDict()

    def keep(self, job_id: str, job: Any) -> None:
        """Remember a job, so that each poll is one request and not two."""
        _put(self._jobs, job_id, job)

    def job(self, job_id: str) -> Any:
        """Return a job, from here or from the provider."""
        if job_id not in self._jobs:
            self.keep(job_id, self._retrieve(job_id))
        return self._jobs[job_id]

    def last_status(self, job_id: str) -> PollStatus:
        """Return what the last poll saw."""
        return self._statuses.get(job_id, PollStatus.QUEUED)

    def poll(self, job_id: str) -> Poll:
        """Ask for one job.

        ``status()`` and the retrieval itself raise for a failed job in some clients.
        """
        try:
            job = self.job(job_id)
            said = job.status()
        except Exception as error:
            if _is_job_failure(error):
                return Poll(PollStatus.FAILED, error=_told(error))
            if http_status(error) in (404, 410):
                return Poll(PollStatus.LOST, error=_told(error))
            raise
        name = said.name if isinstance(said, JobStatus) else str(said).upper()
        status = _STATUSES.get(name, PollStatus.RUNNING)
        _put(self._statuses, job_id, status)
        return Poll(status, error=_error_of(job) if status is PollStatus.FAILED else None)


def _put(kept: "OrderedDict[str, Any]", key: str, value: Any) -> None:
    kept[key] = value
    if len(kept) > _KEPT_JOBS:
        kept.popitem(last=False)


def _retrieve_of(alias: str, backend: BackendV2) -> Retrieve:
    """Return the function that finds a job by its id."""
    provider = getattr(backend, "provider", None)
    service = getattr(backend, "service", None) or getattr(provider, "service", None)
    for owner, name in (
        (backend, "retrieve_job"),
        (provider, "retrieve_job"),
        (provider, "get_job"),
        (provider, "job"),
        (service, "job"),
    ):
        method = getattr(owner, name, None)
        if callable(method):
            retrieve: Retrieve = method
            return retrieve
    raise ConfigurationError(
        f"[backends.{alias}]: {backend.name} cannot find a job by its id (no retrieve_job, get_job "
        "or job on backend, provider or service): if it runs in this process, set local = true"
    )


def _is_job_failure(error: BaseException) -> bool:
    """Tell whether the job failed, and not the question (``IonQJobFailureError`` and the like)."""
    return any("JobFail" in each.__name__ for each in type(error).__mro__)


def _error_of(job: Any) -> str:
    message = getattr(job, "error_message", None)
    try:
        text = message() if callable(message) else None
    except Exception:  # noqa: BLE001 - the status is known, only its reason is not
        text = None
    return str(text or "the provider gave no reason")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
