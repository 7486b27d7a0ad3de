"""What the original did right is what Jobset does.

``tests/data/original`` holds what qiskit-ibmq-provider 0.20.2 answered; its README tells what is
in there and what is not.  The questions are the same code, ``observe.py``.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobset_client import JobManager, ManagedJobSet, compat
from jobset_protocol.errors import FailureKind
from jobset_protocol.store import Store
from tests.data.original.observe import Observer, identity, lines, spans, submitted
from tests.data.original.replay import BACKEND_NAME, Case, Replay, announce_backend, circuits
from tests.unit.client.support import FakeWorker, ListSender

FOLDER = Path(__file__).parents[2] / "data" / "original"
OBSERVER = Observer(
    {
        name: getattr(compat, name)
        for name in (
            "IBMQJobManagerInvalidStateError",
            "IBMQJobManagerJobNotFound",
            "IBMQJobManagerUnknownJobSet",
            "IBMQManagedResultDataNotAvailable",
        )
    }
)


def recorded(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


SETS = recorded("sets")
MANAGER = recorded("manager")
KIND = re.compile(rf", ({'|'.join(FailureKind)}):$", re.MULTILINE)
RENAMES = recorded("renames")


def sets_with(*outputs: str) -> list[Any]:
    """Return the recorded sets that have these outputs."""
    return [
        pytest.param(
            each["input"],
            *(each["output"][name] for name in outputs),
            id=each["input"]["name"],
        )
        for each in SETS
        if set(outputs) <= set(each["output"])
    ]


@pytest.fixture
def replay(store: Store, manager: JobManager) -> Replay:
    return Replay(store, manager)


@pytest.fixture
def another_manager(store: Store) -> JobManager:
    return JobManager.over(store, ListSender(), owner="grace")


@pytest.mark.parametrize(("case", "report", "summary"), sets_with("report", "summary"))
def test_a_sets_report(replay: Replay, case: Case, report: list[str], summary: list[str]) -> None:
    job_set = replay.run(case)
    assert lines(job_set.report(), job_set) == report
    assert lines(job_set.report(detailed=False), job_set) == summary


@pytest.mark.parametrize(("case", "details"), sets_with("details"))
def test_the_details_of_a_job_that_was_refused(
    replay: Replay, case: Case, details: list[str]
) -> None:
    job_set = replay.run(case)
    report = lines(job_set.report(), job_set)
    assert report[report.index("Detail report:") + 1 :] == details


@pytest.mark.parametrize(("case", "statuses"), sets_with("statuses"))
def test_statuses(replay: Replay, case: Case, statuses: list[str]) -> None:
    assert [status and status.name for status in replay.run(case).statuses()] == statuses


@pytest.mark.parametrize(("case", "expected"), sets_with("identity"))
def test_what_jobs_and_circuits_are_called(replay: Replay, case: Case, expected: Case) -> None:
    job_set = replay.run(case)
    assert identity(job_set) == expected
    assert job_set.tags() == case["tags"]


@pytest.mark.parametrize(("case", "lookups"), sets_with("lookups"))
def test_lookups(replay: Replay, case: Case, lookups: list[list[Any]]) -> None:
    job_set = replay.run(case)
    assert OBSERVER.lookups(job_set, [each for each, _ in lookups]) == lookups


@pytest.mark.parametrize(("case", "lookups"), sets_with("lookups by circuit"))
def test_lookups_by_circuit(replay: Replay, case: Case, lookups: list[list[Any]]) -> None:
    job_set = replay.run(case)
    found = OBSERVER.lookups(job_set, circuits([name for name, _ in lookups]))
    assert [[circuit.name, place] for circuit, place in found] == lookups


@pytest.mark.parametrize(("case", "expected"), sets_with("submitted"))
def test_what_was_submitted(replay: Replay, case: Case, expected: list[Any]) -> None:
    assert submitted(replay.run(case)) == expected


@pytest.mark.parametrize(("case", "messages"), sets_with("error_messages"))
def test_error_messages(replay: Replay, case: Case, messages: list[str] | None) -> None:
    found = replay.run(case).error_messages()
    assert (found and lines(KIND.sub(":", found))) == messages


@pytest.mark.parametrize(("case", "expected"), sets_with("results"))
def test_results(replay: Replay, case: Case, expected: Case) -> None:
    asked = [each for each, _ in expected["circuits"]]
    assert OBSERVER.results(replay.run(case), asked, states=case["states"]) == expected


@pytest.mark.parametrize(("case", "expected"), sets_with("combined"))
def test_combined_results(replay: Replay, case: Case, expected: Case) -> None:
    assert OBSERVER.combined(replay.run(case)) == expected


@pytest.mark.parametrize("split", recorded("splits"))
def test_splits(store: Store, manager: JobManager, split: Case) -> None:
    announce_backend(store, split["backend_max"])
    job_set = manager.run(
        circuits([f"c{number}" for number in range(split["circuits"])]),
        BACKEND_NAME,
        max_experiments_per_job=split["max_experiments_per_job"],
    )
    assert spans(job_set) == split["spans"]


@pytest.mark.parametrize("given", recorded("lists"))
def test_lists(store: Store, manager: JobManager, given: Case) -> None:
    announce_backend(store, None)
    job_set = ManagedJobSet(name="given")
    lists = [circuits(names) for names in given["lists"]]
    job_set.run(lists, BACKEND_NAME, manager, job_tags=["a"], shots=10)
    for index, job_id in enumerate(given["identity"]["job_ids"]):
        FakeWorker(store, job_set).submit(index, job_id)
    assert identity(job_set) == given["identity"]
    asked = [each for each, _ in given["lookups"]]
    assert OBSERVER.lookups(job_set, asked) == given["lookups"]
    assert OBSERVER.answer(job_set.run, lists, BACKEND_NAME, manager) == given["run again"]


def test_renames(replay: Replay, manager: JobManager, another_manager: JobManager) -> None:
    job_set = replay.run(RENAMES["input"])
    for step in RENAMES["steps"]:
        name = step["update_name"]
        returned = job_set.update_name(name)
        again = another_manager.retrieve_job_set(job_set.job_set_id(), refresh=True)
        found = {
            "update_name": name,
            "returns": returned,
            "identity": identity(job_set),
            "report": lines(job_set.report(), job_set),
            "found": len(manager.job_sets(name=name)),
            "found by its first name": len(manager.job_sets(name="first")),
            "retrieved": identity(again),
        }
        assert found == step


@pytest.mark.parametrize("case", recorded("tags"), ids=lambda case: ",".join(case["initial"]))
def test_tags(store: Store, manager: JobManager, another_manager: JobManager, case: Case) -> None:
    announce_backend(store, None)
    job_set = manager.run(circuits(["a", "b"]), BACKEND_NAME, job_tags=case["initial"])
    assert job_set.tags() == case["tags"]
    for step in case["steps"]:
        returned = OBSERVER.answer(job_set.update_tags, **step["update_tags"])
        again = another_manager.retrieve_job_set(job_set.job_set_id(), refresh=True)
        found = {
            "update_tags": step["update_tags"],
            "returns": sorted(returned) if isinstance(returned, list) else returned,
            "tags": sorted(job_set.tags()),
            "retrieved": sorted(again.tags()),
        }
        assert found == step


def test_a_managers_reports(replay: Replay, manager: JobManager) -> None:
    assert lines(manager.report()) == MANAGER["empty"]["report"]
    assert lines(manager.report(detailed=False)) == MANAGER["empty"]["summary"]
    job_sets = [replay.run(case) for case in MANAGER["input"]]
    assert lines(manager.report(), *job_sets) == MANAGER["report"]
    assert lines(manager.report(detailed=False)) == MANAGER["summary"]


@pytest.mark.parametrize("query", MANAGER["job_sets"], ids=lambda query: query["name"])
def test_a_managers_sets(replay: Replay, manager: JobManager, query: Case) -> None:
    job_sets = [replay.run(case) for case in MANAGER["input"]]
    found = [job_sets.index(job_set) for job_set in manager.job_sets(name=query["name"])]
    # The original lists the oldest first; Jobset the newest, for the sake of its limit.
    assert found[::-1] == query["found"]


def test_retrieved_sets(replay: Replay, another_manager: JobManager) -> None:
    ids = [replay.run(case).job_set_id() for case in MANAGER["input"]]
    found = [identity(another_manager.retrieve_job_set(set_id)) for set_id in ids]
    assert found == MANAGER["retrieved"]
    unknown = OBSERVER.answer(another_manager.retrieve_job_set, "0" * 32)
    assert unknown == MANAGER["an unknown id"]
