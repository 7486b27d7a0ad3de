"""What is asked of a job set: the same questions to the original and to Jobset.

Answers are plain values, as JSON has them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.result import Result

SET_ID = "<set id>"
STATES = ("statevector", "statevector, 2 decimals", "unitary", "unitary, 2 decimals")


def lines(report: str, *job_sets: Any) -> list[str]:
    """Return a report's lines without what must differ: each set has an id of its own."""
    for job_set in job_sets:
        report = report.replace(job_set.job_set_id(), SET_ID)
    return report.split("\n")


def spans(job_set: Any) -> list[list[int]]:
    """Return the first and the last circuit of each job."""
    return [[job.start_index, job.end_index] for job in job_set.managed_jobs()]


def identity(job_set: Any) -> dict[str, Any]:
    """Describe what a set keeps when another process retrieves it; the order of tags is free."""
    return {
        "name": job_set.name(),
        "tags": sorted(job_set.tags()),
        "spans": spans(job_set),
        "job_ids": [job and job.job_id() for job in job_set.jobs()],
        "job_names": [job and job.name() for job in job_set.jobs()],
    }


def submitted(job_set: Any) -> list[Any]:
    """Return the circuits' names and the shots of each job, as they were submitted."""
    jobs = [qobj and qobj.to_dict() for qobj in job_set.qobjs()]
    return [
        job and [[each["header"]["name"] for each in job["experiments"]], job["config"]["shots"]]
        for job in jobs
    ]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a complex number is a pair."""
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return value if isinstance(value, str | int | float) else plain(np.asarray(value).tolist())


class Observer:
    """Asks, and tells which of the original's errors an answer is.

    Args:
        errors: The original's name of an error → its class.
    """

    def __init__(self, errors: Mapping[str, type[Exception]]) -> None:
        self._errors = errors

    def answer(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a call returns, or which error it raises."""
        try:
            return call(*args, **kwargs)
        except tuple(self._errors.values()) as error:
            names = [name for name, kind in self._errors.items() if isinstance(error, kind)]
            return {"raises": names[0]}

    def lookups(self, job_set: Any, experiments: Iterable[Any]) -> list[list[Any]]:
        """Look circuits up; a found one is the job's index and the circuit's index in it."""
        jobs = job_set.jobs()

        def place(experiment: Any) -> list[int | None]:
            job, offset = job_set.job(experiment)
            return [None if job is None else jobs.index(job), offset]

        return [[experiment, self.answer(place, experiment)] for experiment in experiments]

    def read(self, results: Any, experiment: int | str, what: Sequence[str]) -> dict[str, Any]:
        """Read the data of one circuit."""
        readers: dict[str, Callable[[], Any]] = {
            "counts": lambda: results.get_counts(experiment),
            "memory": lambda: results.get_memory(experiment),
            "data": lambda: results.data(experiment),
            "statevector": lambda: results.get_statevector(experiment),
            "statevector, 2 decimals": lambda: results.get_statevector(experiment, decimals=2),
            "unitary": lambda: results.get_unitary(experiment),
            "unitary, 2 decimals": lambda: results.get_unitary(experiment, decimals=2),
        }
        return {each: plain(self.answer(readers[each])) for each in what}

    def results(
        self, job_set: Any, experiments: Iterable[int | str], *, states: bool
    ) -> dict[str, Any]:
        """Read all there is, circuit by circuit."""
        results = job_set.results()
        what = ("counts", "memory", "data", *(STATES if states else ()))
        return {
            "success": results.success,
            "backend_name": results.backend_name,
            "circuits": [[each, self.read(results, each, what)] for each in experiments],
        }

    def combined(self, job_set: Any) -> dict[str, Any]:
        """Combine the results; every object is asked for what users read of it."""
        combined = self.answer(job_set.results().combine_results)
        if not isinstance(combined, Result):
            raised: dict[str, Any] = combined
            return raised
        headers = [experiment.header for experiment in combined.results]
        return {
            "names": [each["name"] if isinstance(each, dict) else each.name for each in headers],
            "counts": plain(combined.get_counts()) if combined.success else None,
            "success": combined.success,
            "backend_name": combined.backend_name,
            "backend_version": combined.backend_version,
        }
