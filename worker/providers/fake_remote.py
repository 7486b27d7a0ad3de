"""The ``fake`` provider's remote form: an HTTP client of :mod:`worker.providers.fake_service`.

::

    [backends.fake-remote]
    provider = "fake"
    service_url = "http://127.0.0.1:8765"
    timeout_seconds = 10.0        # of one HTTP request
    find_lag_seconds = 2.0        # more than half of the service's submit latency
    max_circuits = 300            # limits to announce; the service enforces its own
    max_shots = 100000
"""

import base64
import io
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx
from pydantic import Field
from qiskit import qpy
from qiskit.exceptions import QiskitError
from qiskit.result import Result

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from jobset_protocol.messages import JobReference
from worker.providers.base import Capabilities, Payload, Poll, PollStatus
from worker.providers.failures import retry_after_seconds
from worker.providers.fake_results import FakeRunOptions, result_of
from worker.providers.options import AdapterOptions, read_adapter_options, read_run_options
from worker.providers.per_process import PerProcess
from worker.providers.seeds import first_index

_STATUSES = {
    "queued": PollStatus.QUEUED,
    "running": PollStatus.RUNNING,
    "done": PollStatus.DONE,
    "failed": PollStatus.FAILED,
    "cancelled": PollStatus.CANCELLED,
}
_IDS_A_REQUEST = 1000
_CONNECT_SECONDS = 5.0
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class FakeRemoteOptions(AdapterOptions):
    """The backend's table, with ``service_url``."""

    service_url: str
    timeout_seconds: float = Field(default=10.0, gt=0)
    find_lag_seconds: float = Field(default=2.0, ge=0)
    max_circuits: int | None = Field(default=None, ge=1)
    max_shots: int | None = Field(default=None, ge=1)


def create_remote(alias: str, options: Mapping[str, Any]) -> "FakeRemoteProvider":
    """Build the adapter from a backend's table.

    Raises:
        ConfigurationError: An option is unknown or wrong.
    """
    read = read_adapter_options(FakeRemoteOptions, alias, options)
    try:
        url = httpx.URL(read.service_url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"[backends.{alias}]: service_url: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError(
            f"[backends.{alias}]: service_url: {read.service_url!r} is not http://host:port"
        )
    return FakeRemoteProvider(alias, read)


class FakeRemoteProvider:
    """Submits to the service, polls it in bulk, and fetches its results.

    Args:
        alias: The backend's name, for messages and results.
        options: The backend's table.
        transport: In place of the network, for tests.
    """

    local: ClassVar[bool] = False

    def __init__(
        self,
        alias: str,
        options: FakeRemoteOptions,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._alias = alias
        self._transport = transport
        self._options = options
        self._client = PerProcess(self._connect)
        self.capabilities = Capabilities(
            reattach=True,
            find=True,
            find_lag_seconds=options.find_lag_seconds,
            cancel=True,
            max_circuits=options.max_circuits,
            max_shots=options.max_shots,
            description=f"fake service at {options.service_url}",
        )

    def submit(self, payload: Payload, *, tag: str, options: Mapping[str, Any]) -> JobReference:
        """Submit a chunk as one job.

        Raises:
            ProviderError: TRANSIENT if nothing was sent, UNCERTAIN if the outcome is not known,
                LIMIT if the service is full, REJECTED if it refuses the circuits, FATAL if it
                refuses anything else.
        """
        run_options = read_run_options(FakeRunOptions, self._alias, options)
        submission = {
            "tag": tag,
            "shots": run_options.shots,
            "seed": run_options.seed,
            "memory": run_options.memory,
            "start_index": first_index(payload),
            "circuits": [[circuit.name, circuit.num_clbits] for circuit in payload.circuits],
            "qpy": _qpy(payload),
        }
        reply = self._ask("POST", "/jobs", submission, lost_reply=FailureKind.UNCERTAIN)
        return JobReference(str(reply["id"]))

    def find(self, tag: str) -> list[JobReference]:
        """Return the jobs that carry ``tag``, the oldest first."""
        reply = self._ask("GET", "/jobs", tag=tag)
        return [JobReference(str(job["id"])) for job in reply["jobs"]]

    def poll(self, references: Sequence[JobReference]) -> dict[JobReference, Poll]:
        """Ask for many jobs at once; one that the service does not know is LOST."""
        jobs: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(references), _IDS_A_REQUEST):
            ids = [each.job_id for each in references[start : start + _IDS_A_REQUEST]]
            reply = self._ask("POST", "/jobs/status", {"ids": ids})
            jobs.update((job["id"], job) for job in reply["jobs"])
        return {reference: _poll(jobs.get(reference.job_id)) for reference in references}

    def result(self, reference: JobReference, payload: Payload) -> Result:
        """Fetch a done job's result.

        Raises:
            ProviderError: FATAL for a job that failed or was cancelled; TRANSIENT for one that has
                not ended or is not known, which the next poll settles; LIMIT if the service takes
                no requests now.
        """
        job_id = reference.job_id
        try:
            reply = self._ask("GET", f"/jobs/{job_id}/result")
        except ProviderError as error:
            raise self._without_result(reference, error) from error
        return result_of(reply["experiments"], payload.circuits, backend=self._alias, job_id=job_id)

    def cancel(self, reference: JobReference) -> bool:
        """Ask for a cancellation; False when the job has ended or the service did not answer."""
        try:
            return bool(self._ask("POST", f"/jobs/{reference.job_id}/cancel")["cancelled"])
        except ProviderError:
            return False

    def classify(self, error: BaseException) -> FailureKind:
        """Failures of the service are ProviderErrors; of anything else, nothing is known."""
        return error.kind if isinstance(error, ProviderError) else FailureKind.UNCERTAIN

    def _without_result(self, reference: JobReference, error: ProviderError) -> ProviderError:
        if error.kind in (FailureKind.TRANSIENT, FailureKind.LIMIT):
            return error
        [poll] = self.poll([reference]).values()
        final = poll.status in (PollStatus.FAILED, PollStatus.CANCELLED)
        return ProviderError(
            f"{self._alias}: job {reference.job_id} has no result, it is {poll.status.name}: "
            f"{poll.error or error}",
            kind=FailureKind.FATAL if final else FailureKind.TRANSIENT,
        )

    def _connect(self) -> httpx.Client:
        client = httpx.Client(
            base_url=self._options.service_url,
            timeout=httpx.Timeout(self._options.timeout_seconds, connect=_CONNECT_SECONDS),
            # A proxy from the environment could not reach a loopback address.
            trust_env=False,
            transport=self._transport,
        )
        weakref.finalize(self, client.close)
        return client

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        lost_reply: FailureKind = FailureKind.TRANSIENT,
        **query: str,
    ) -> Mapping[str, Any]:
        """Send a request and return its JSON reply; ``lost_reply``: the kind if none arrives."""
        where = f"{self._alias}: {method} {self._options.service_url}{path}"
        try:
            response = self._client().request(method, path, json=body, params=query)
        except _NOTHING_SENT as error:
            raise ProviderError(
                f"{where}: cannot connect ({error}); is the service up?",
                kind=FailureKind.TRANSIENT,
            ) from error
        except httpx.HTTPError as error:
            raise ProviderError(
                f"{where}: no reply ({type(error).__name__}: {error})", kind=lost_reply
            ) from error
        if response.is_success:
            return _document(response, where, lost_reply)
        raise ProviderError(
            f"{where}: {response.status_code}: {_reason(response)}",
            kind=_kind(response.status_code, lost_reply),
            retry_after_seconds=retry_after_seconds(response.headers.get("Retry-After")),
        )


def _document(response: httpx.Response, where: str, lost_reply: FailureKind) -> Mapping[str, Any]:
    try:
        document: Mapping[str, Any] = response.json()
    except ValueError as error:
        raise ProviderError(f"{where}: the reply is not JSON: {error}", kind=lost_reply) from error
    return document


def _qpy(payload: Payload) -> str:
    buffer = io.BytesIO()
    try:
        qpy.dump(list(payload.circuits), buffer)
    except (QiskitError, TypeError, ValueError) as error:
        raise ProviderError(
            f"the circuits cannot be written as QPY: {error}", kind=FailureKind.REJECTED
        ) from error
    return base64.b64encode(buffer.getbuffer()).decode("ascii")


def _poll(job: Mapping[str, Any] | None) -> Poll:
    if job is None:
        return Poll(PollStatus.LOST, error="the service does not know the job")
    return Poll(_STATUSES[job["status"]], job["queue_position"], job["error"])


def _kind(code: int, lost_reply: FailureKind) -> FailureKind:
    if code == httpx.codes.TOO_MANY_REQUESTS:
        return FailureKind.LIMIT
    if code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return lost_reply
    # Of everything else, other circuits would fare no better.
    refused = (httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.REQUEST_ENTITY_TOO_LARGE)
    return FailureKind.REJECTED if code in refused else FailureKind.FATAL


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
