"""The remote service below the original: an API client that answers from scripts.

Everything above it is the real qiskit-ibmq-provider: its manager, its backend, its jobs.
"""

import copy
import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from qiskit.providers.ibmq import IBMQBackend
from qiskit.providers.ibmq.api.exceptions import ApiError
from qiskit.providers.ibmq.ibmqbackendservice import IBMQBackendService
from qiskit.providers.models import QasmBackendConfiguration

BACKEND_NAME = "device"
_CREATED = "2023-05-01T12:00:00.000Z"


@dataclass(frozen=True)
class Script:
    """What becomes of one job.

    Args:
        status: The service's word for how far it gets. ``REFUSED`` and ``WAITING`` are not its
            words: the submission fails, or does not return before ``Service.go_on``.
        queue_position: Its place in the queue.
        error: The service's own message.
        failed: Offset in the job → what the service says of a circuit that failed.
    """

    status: str = "COMPLETED"
    queue_position: int | None = None
    error: str | None = None
    failed: Mapping[int, str] = field(default_factory=dict)


class Service:
    """Answers the API calls of the original's jobs and backends.

    Args:
        scripts: Set name → what becomes of its jobs, in order; all others are completed.
        states: Results hold statevectors and unitaries too.
    """

    def __init__(self, scripts: Mapping[str, Sequence[Script]], *, states: bool = False) -> None:
        self._scripts = scripts
        self._states = states
        self._jobs: dict[str, dict[str, Any]] = {}
        self._qobjs: dict[str, dict[str, Any]] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self.go_on = threading.Event()

    def job_submit(
        self, *, qobj_dict: dict[str, Any], job_name: str, job_tags: list[str], **_: Any
    ) -> dict[str, Any]:
        matched = re.fullmatch(r"(.*)_([0-9]+)_", job_name)
        assert matched is not None
        namesakes = [job for job in self._jobs.values() if job["name"] == job_name]
        own_id = _job_id(job_name, len(namesakes))
        script = dict(enumerate(self._scripts.get(matched[1], ()))).get(int(matched[2]), Script())
        if script.status == "REFUSED":
            raise ApiError(script.error)
        if script.status == "WAITING":
            self.go_on.wait()
        self._qobjs[own_id] = qobj_dict
        self._results[own_id] = self._result(own_id, qobj_dict["experiments"], script.failed)
        self._jobs[own_id] = {
            "job_id": own_id,
            "creation_date": _CREATED,
            "kind": "q-object",
            "status": script.status if script.status != "WAITING" else "COMPLETED",
            "name": job_name,
            "tags": list(job_tags),
            "info_queue": {"position": script.queue_position},
            "_backend_info": {"name": BACKEND_NAME},
        }
        if script.error is not None:
            self._jobs[own_id]["error"] = {"message": script.error, "code": 7001}
        # An answer with an error would mean that the submission failed.
        return {key: value for key, value in self.job_get(own_id).items() if key != "error"}

    def job_get(self, job_id: str) -> dict[str, Any]:
        return copy.deepcopy(self._jobs[job_id])

    def job_status(self, job_id: str) -> dict[str, Any]:
        return self.job_get(job_id)

    def job_final_status(self, job_id: str, **_: Any) -> dict[str, Any]:
        raise AssertionError(f"job {job_id} would be waited for")

    def job_result(self, job_id: str, _: bool) -> dict[str, Any]:
        if "error" in self._jobs[job_id]:
            raise ApiError("there is no result")
        return copy.deepcopy(self._results[job_id])

    def job_cancel(self, job_id: str) -> dict[str, Any]:
        job = self._jobs[job_id]
        if job["status"] not in ("QUEUED", "RUNNING"):
            return {"error": "the job has ended"}
        job["status"] = "CANCELLED"
        return {"cancelled": True}

    def job_update_attribute(self, job_id: str, attr_name: str, attr_value: Any) -> dict[str, Any]:
        self._jobs[job_id][attr_name] = copy.copy(attr_value)
        return {attr_name: copy.copy(attr_value)}

    def job_download_qobj(self, job_id: str, _: bool) -> dict[str, Any]:
        return copy.deepcopy(self._qobjs[job_id])

    def list_jobs_statuses(
        self, *, skip: int, extra_filter: dict[str, Any], **_: Any
    ) -> list[dict[str, Any]]:
        [tag] = extra_filter["tags"]["inq"]
        seen = extra_filter.get("id", {}).get("nin", [])
        found = [] if seen else [job for job in self._jobs.values() if tag in job["tags"]]
        return copy.deepcopy(found[::-1][skip:])

    def _result(
        self, own_id: str, experiments: Sequence[dict[str, Any]], failed: Mapping[int, str]
    ) -> dict[str, Any]:
        return {
            "backend_name": BACKEND_NAME,
            "backend_version": "1.2.3",
            "qobj_id": f"qobj-{own_id}",
            "job_id": own_id,
            "success": not failed,
            "results": [
                self._experiment(experiment["header"], failed.get(offset))
                for offset, experiment in enumerate(experiments)
            ],
        }

    def _experiment(self, header: dict[str, Any], failure: str | None) -> dict[str, Any]:
        return {
            "shots": 10,
            "success": failure is None,
            "status": failure or "DONE",
            "meas_level": 2,
            "data": {} if failure else self._data(header["metadata"]["number"]),
            "header": {
                "name": header["name"],
                "memory_slots": 4,
                "creg_sizes": [["a", 3], ["b", 1]],
            },
        }

    def _data(self, number: int) -> dict[str, Any]:
        """Return data that tell which circuit of the set it was."""
        often, seldom = hex(number % 16), hex((number + 5) % 16)
        data: dict[str, Any] = {
            "counts": {often: 6, seldom: 4},
            "memory": [often] * 6 + [seldom] * 4,
        }
        if self._states:
            part = (number + 1) / 3
            data["statevector"] = [[part, -part], [0.0, part / 7]]
            data["unitary"] = [[[part, 0.0], [0.0, 1.0]], [[0.0, -1.0], [part / 7, 0.0]]]
        return data


def _job_id(job_name: str, namesakes: int) -> str:
    """Return an id that is the same in every recording."""
    return hashlib.sha256(f"{job_name}:{namesakes}".encode()).hexdigest()[:24]


def backend_over(service: Service, max_circuits: int | None) -> tuple[Any, Any]:
    """Return the original's backend over the service, and its provider."""
    configuration = QasmBackendConfiguration(
        backend_name=BACKEND_NAME,
        backend_version="1.2.3",
        n_qubits=4,
        basis_gates=["x"],
        gates=[],
        local=False,
        simulator=True,
        conditional=False,
        open_pulse=False,
        memory=True,
        max_shots=1000,
        coupling_map=None,
        **({} if max_circuits is None else {"max_experiments": max_circuits}),
    )
    credentials = SimpleNamespace(hub="", group="", project="")
    provider = SimpleNamespace(credentials=credentials, _api_client=service, _backends={})
    backend = IBMQBackend(configuration, provider, credentials, service)
    provider.get_backend = lambda _: backend
    provider.backend = IBMQBackendService(provider)
    return backend, provider
