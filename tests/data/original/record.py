"""Record what the original did: ``python -m tests.data.original.record``, from the root.

It needs an environment of its own, which no test has: Python 3.11, qiskit-ibmq-provider 0.20.2,
qiskit-terra 0.25.3, numpy 1.23.5, setuptools below 70.

Left out is what the original did wrong; README.md says what.
"""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qiskit.providers.ibmq.managed import IBMQJobManager, ManagedJobSet, exceptions

from tests.data.original.cases import (
    CASES,
    DONE,
    LISTS,
    RENAMES,
    SPLITS,
    TAGS,
    TOGETHER,
    case,
    circuits,
    numbered,
)
from tests.data.original.observe import Observer, identity, lines, spans, submitted
from tests.data.original.service import Service, backend_over
from tests.data.original.writing import write

FOLDER = Path(__file__).parent
OBSERVER = Observer(
    {
        kind.__name__: kind
        for kind in (
            exceptions.IBMQJobManagerInvalidStateError,
            exceptions.IBMQJobManagerJobNotFound,
            exceptions.IBMQJobManagerUnknownJobSet,
            exceptions.IBMQManagedResultDataNotAvailable,
        )
    }
)
OUTCOMES = {
    "COMPLETED": "DONE",
    "ERROR_RUNNING_JOB": "ERROR",
    "ERROR_VALIDATING_JOB": "ERROR",
}
"""The service's words → qiskit's; the others are the same."""


def run(one: Mapping[str, Any], service: Service, manager: Any) -> tuple[Any, Any]:
    """Run one set; returns it and its provider."""
    backend, provider = backend_over(service, one["backend_max"])
    job_set = manager.run(
        circuits(one["circuits"]),
        backend,
        name=one["name"],
        max_experiments_per_job=one["max_experiments_per_job"],
        job_tags=one["tags"],
        shots=10,
        memory=True,
    )
    return job_set, provider


def described(one: Mapping[str, Any], job_set: Any, service: Service) -> dict[str, Any]:
    """Describe a set and its jobs as whoever replays them needs it."""
    scripts = dict(enumerate(one["scripts"]))
    jobs = []
    for index, managed_job in enumerate(job_set.managed_jobs()):
        script, job = scripts.get(index, DONE), managed_job.job
        ends = OUTCOMES.get(script.status, script.status)
        described_job: dict[str, Any] = {"id": job and job.job_id(), "ends": ends}
        if ends == "DONE":
            described_job["result"] = service.job_result(job.job_id(), False)
        elif ends == "QUEUED":
            described_job["queue_position"] = script.queue_position
        elif ends == "ERROR":
            described_job["error"] = job.error_message()
        elif ends == "REFUSED":
            described_job["error"] = str(managed_job.submit_error)
        jobs.append(described_job)
    return {**{key: value for key, value in one.items() if key != "scripts"}, "jobs": jobs}


def record_set(one: Mapping[str, Any]) -> dict[str, Any]:
    """Run one set and write down everything that the original did right with it."""
    service = Service({one["name"]: one["scripts"]}, states=one["states"])
    statuses = [script.status for script in one["scripts"]]
    job_set, _ = run(one, service, IBMQJobManager())
    if "WAITING" in statuses:
        job_set.managed_jobs()[0].future.result()
        output = overview(job_set)
        service.go_on.set()
        job_set.jobs()  # waits until all are submitted
    else:
        job_set.jobs()
        if one["cancel"]:
            job_set.cancel()
        output = details(job_set, one, statuses)
    return {"input": described(one, job_set, service), "output": output}


def overview(job_set: Any) -> dict[str, Any]:
    return {
        "report": lines(job_set.report(), job_set),
        "summary": lines(job_set.report(detailed=False), job_set),
        "statuses": [status.name for status in job_set.statuses()],
    }


def details(job_set: Any, one: Mapping[str, Any], statuses: list[str]) -> dict[str, Any]:
    refused = "REFUSED" in statuses
    names = [] if refused else one["circuits"]  # by name, the original raises AttributeError
    indices = range(len(one["circuits"]) + 1)
    output = {
        "identity": identity(job_set),
        "lookups": OBSERVER.lookups(job_set, [*indices, *names, *(["absent"] if names else [])]),
        "submitted": submitted(job_set),
    }
    if refused:  # the summary is wrong, the statuses are unknown
        report = lines(job_set.report(), job_set)
        output["details"] = report[report.index("Detail report:") + 1 :]
    else:
        output |= overview(job_set)
        found = OBSERVER.lookups(job_set, circuits(one["circuits"]))
        output["lookups by circuit"] = [[circuit.name, place] for circuit, place in found]
    if one["cancel"] or not {"QUEUED", "RUNNING"} & set(statuses):
        output["results"] = OBSERVER.results(job_set, [*indices, *names], states=one["states"])
        output["combined"] = OBSERVER.combined(job_set)
        if not refused:
            messages = job_set.error_messages()
            output["error_messages"] = messages and lines(messages)
    return output


def record_split(count: int, size: int | None, limit: int | None) -> dict[str, Any]:
    one = case("split", numbered(count), size=size, limit=limit)
    job_set, _ = run(one, Service({}), IBMQJobManager())
    return {
        "circuits": count,
        "max_experiments_per_job": size,
        "backend_max": limit,
        "spans": spans(job_set),
    }


def record_lists(names: list[list[str]]) -> dict[str, Any]:
    """Give a set its jobs as a list of lists, past the manager."""
    executor = IBMQJobManager()._executor
    backend, _ = backend_over(Service({}), None)
    job_set = ManagedJobSet(name="given")
    lists = [circuits(each) for each in names]
    job_set.run(lists, backend, executor, job_tags=["a"], shots=10)
    flat = [name for each in names for name in each]
    return {
        "lists": names,
        "identity": identity(job_set),
        "lookups": OBSERVER.lookups(job_set, [*range(len(flat) + 1), *flat, "absent"]),
        "run again": OBSERVER.answer(job_set.run, lists, backend, executor),
    }


def record_renames() -> dict[str, Any]:
    one = case("first", numbered(4), size=2)
    service, manager = Service({}), IBMQJobManager()
    job_set, provider = run(one, service, manager)
    job_set.jobs()
    steps = [record_rename(job_set, name, manager, provider) for name in RENAMES]
    return {"input": described(one, job_set, service), "steps": steps}


def record_rename(job_set: Any, name: str, manager: Any, provider: Any) -> dict[str, Any]:
    return {
        "update_name": name,
        "returns": job_set.update_name(name),
        "identity": identity(job_set),
        "report": lines(job_set.report(), job_set),
        "found": len(manager.job_sets(name=name)),
        "found by its first name": len(manager.job_sets(name="first")),
        "retrieved": identity(retrieved(job_set, provider)),
    }


def retrieved(job_set: Any, provider: Any) -> Any:
    """Retrieve a set as another process does."""
    return IBMQJobManager().retrieve_job_set(job_set.job_set_id(), provider)


def record_tags(initial: list[str], changes: list[dict[str, list[str]]]) -> dict[str, Any]:
    one = case("tagged", numbered(4), size=2, tags=initial)
    job_set, provider = run(one, Service({}), IBMQJobManager())
    job_set.jobs()
    steps = []
    for change in changes:
        # One object takes one change only: it loses its set's own tag with it.
        again = retrieved(job_set, provider)
        returned = OBSERVER.answer(again.update_tags, **change)
        step = {
            "update_tags": change,
            "returns": sorted(returned) if isinstance(returned, list) else returned,
            "tags": sorted(again.tags()),
            "retrieved": sorted(retrieved(job_set, provider).tags()),
        }
        steps.append(step)
    return {"initial": initial, "tags": job_set.tags(), "steps": steps}


def record_manager() -> dict[str, Any]:
    """Let one manager run several sets."""
    service, manager = Service({one["name"]: one["scripts"] for one in TOGETHER}), IBMQJobManager()
    empty = {
        "report": lines(manager.report()),
        "summary": lines(manager.report(detailed=False)),
    }
    job_sets, inputs = [], []
    for one in TOGETHER:
        job_set, provider = run(one, service, manager)
        job_set.jobs()
        job_sets.append(job_set)
        inputs.append(described(one, job_set, service))
    return {
        "empty": empty,
        "input": inputs,
        "report": lines(manager.report(), *job_sets),
        "summary": lines(manager.report(detailed=False)),
        "job_sets": [
            {"name": name, "found": [job_sets.index(found) for found in manager.job_sets(name)]}
            for name in (None, "twin", "other", "absent")
        ],
        "retrieved": [identity(retrieved(job_set, provider)) for job_set in job_sets],
        "an unknown id": OBSERVER.answer(manager.retrieve_job_set, "0" * 32, provider),
    }


def main() -> None:
    warnings.simplefilter("ignore")  # the original warns of each failed job, and of itself
    logging.disable()
    write(FOLDER / "sets.json", [record_set(one) for one in CASES])
    write(FOLDER / "splits.json", [record_split(*split) for split in SPLITS])
    write(FOLDER / "lists.json", [record_lists(names) for names in LISTS])
    write(FOLDER / "renames.json", record_renames())
    write(FOLDER / "tags.json", [record_tags(*each) for each in TAGS])
    write(FOLDER / "manager.json", record_manager())


if __name__ == "__main__":
    main()
