"""A ``BackendV2`` whose jobs outlive it, with the habits of real clients on demand."""

from types import SimpleNamespace
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2, JobStatus, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.result import Result
from qiskit.transpiler import Target


class HttpError(Exception):
    """What clients built on requests raise."""

    def __init__(self, code: int) -> None:
        super().__init__(f"HTTP {code}")
        self.response = SimpleNamespace(status_code=code)


class SiteJobFailureError(Exception):
    """What IonQ's client raises for a failed job, from ``status()`` even."""


class SiteJob:
    """A job at the site.

    Args:
        job_id: Its id.
        result: What it measured.
    """

    def __init__(self, job_id: str, result: Result) -> None:
        self._job_id = job_id
        self._result = result
        self.says: JobStatus | str | Exception = JobStatus.DONE
        self.cancels: bool | Exception = False

    def job_id(self) -> str:
        return self._job_id

    def status(self) -> JobStatus | str:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def result(self) -> Result:
        if isinstance(self.says, Exception):
            raise self.says
        return self._result

    def cancel(self) -> bool:
        if isinstance(self.cancels, Exception):
            raise self.cancels
        return self.cancels

    def error_message(self) -> str:
        return "the ion fell out"


class Site:
    """What is at the provider, whoever is connected."""

    def __init__(self) -> None:
        self.jobs: dict[str, SiteJob] = {}
        self.tags: list[str | None] = []
        self.refuses: Exception | None = None
        self.retrieves: Exception | None = None
        self.simulator = BasicSimulator()

    def retrieve(self, job_id: str) -> SiteJob:
        if self.retrieves is not None:
            raise self.retrieves
        if job_id not in self.jobs:
            raise HttpError(404)
        return self.jobs[job_id]


class SiteBackend(BackendV2):
    """A connection to the site."""

    def __init__(self, site: Site, **kwargs: Any) -> None:
        super().__init__(name="site", **kwargs)
        self._site = site
        self._width = Target(num_qubits=3)

    @property
    def target(self) -> Target:
        return self._width

    @property
    def max_circuits(self) -> int:
        return 50

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024, memory=False, seed_simulator=None)

    def run(self, run_input: list[QuantumCircuit], name: str | None = None, **options: Any) -> Any:
        if self._site.refuses is not None:
            raise self._site.refuses
        seed = options.pop("seed_simulator", None)
        results = [
            self._site.simulator.run(
                [circuit],
                **options,
                # As a device would: what one circuit gives does not depend on the others.
                **({} if seed is None else {"seed_simulator": seed + circuit.metadata["index"]}),
            ).result()
            for circuit in run_input
        ]
        results[0].results = [experiment for each in results for experiment in each.results]
        job = SiteJob(f"site-{len(self._site.jobs)}", results[0])
        self._site.jobs[job.job_id()] = job
        self._site.tags.append(name)
        return job


class RetrievingBackend(SiteBackend):
    """Finds its jobs by itself."""

    def retrieve_job(self, job_id: str) -> SiteJob:
        return self._site.retrieve(job_id)


SITE = Site()


def retrieving() -> BackendV2:
    """As a worker's configuration names it."""
    return RetrievingBackend(SITE)


def by_get_job() -> BackendV2:
    return SiteBackend(SITE, provider=SimpleNamespace(get_job=SITE.retrieve))


def by_service() -> BackendV2:
    return SiteBackend(SITE, provider=SimpleNamespace(service=SimpleNamespace(job=SITE.retrieve)))
