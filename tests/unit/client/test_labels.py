"""Names and tags that change after a set was submitted."""

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import ConfigurationError, InvalidStateError, JobSetNotFoundError
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.support import ALIAS, ListSender, circuits


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(
        circuits(4), ALIAS, name="first", max_experiments_per_job=2, job_tags=["a", "b"]
    )


@pytest.fixture
def stranger(store: MemoryStore) -> JobManager:
    return JobManager.over(store, ListSender(), owner="bob")


def test_a_new_name_is_everywhere(
    manager: JobManager, stranger: JobManager, job_set: ManagedJobSet
) -> None:
    job = job_set.jobs()[1]
    managed_job = job_set.managed_jobs()[1]
    assert job is not None
    assert job_set.update_name("second") == "second"
    assert job_set.name() == "second"
    assert job.name() == "second_1_"
    assert "'second'" in repr(job)
    assert "'second'" in repr(managed_job)
    assert "Job set name: second" in job_set.report()
    assert "Job set name: second" in manager.report()
    assert stranger.retrieve_job_set(job_set.job_set_id()).name() == "second"
    assert stranger.job_sets(name="second") == [job_set]
    assert stranger.job_sets(name="first") == []


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 201, None, 7])
def test_a_name_that_is_unfit_changes_nothing(job_set: ManagedJobSet, name: str) -> None:
    with pytest.raises(ConfigurationError):
        job_set.update_name(name)
    assert job_set.name() == "first"


def test_what_another_process_renamed_is_seen_when_retrieved(
    manager: JobManager, stranger: JobManager, job_set: ManagedJobSet
) -> None:
    theirs = stranger.retrieve_job_set(job_set.job_set_id())
    theirs.update_name("theirs")
    theirs.update_tags(replacement_tags=["t"])
    assert job_set.name() == "first"
    assert manager.retrieve_job_set(job_set.job_set_id()) is job_set
    assert (job_set.name(), job_set.tags()) == ("theirs", ["t"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"replacement_tags": ["x"]}, ["x"]),
        ({"replacement_tags": []}, []),
        ({"additional_tags": ["c", "a"]}, ["a", "b", "c"]),
        ({"additional_tags": []}, ["a", "b"]),
        ({"removal_tags": ["b", "absent"]}, ["a"]),
        ({"replacement_tags": ["x"], "additional_tags": ["y"], "removal_tags": ["x"]}, ["y"]),
        ({"additional_tags": ["c"], "removal_tags": ["c"]}, ["a", "b"]),
    ],
)
def test_tags_are_replaced_added_and_removed_in_this_order(
    stranger: JobManager,
    job_set: ManagedJobSet,
    changes: dict[str, list[str]],
    expected: list[str],
) -> None:
    [job, _] = job_set.jobs()
    assert job is not None
    assert job_set.update_tags(**changes) == expected
    assert job_set.tags() == expected
    assert job.tags() == expected
    assert stranger.retrieve_job_set(job_set.job_set_id()).tags() == expected


def test_tags_are_added_to_those_of_another_process(
    stranger: JobManager, job_set: ManagedJobSet
) -> None:
    stranger.retrieve_job_set(job_set.job_set_id()).update_tags(additional_tags=["theirs"])
    assert job_set.update_tags(additional_tags=["ours"]) == ["a", "b", "ours", "theirs"]


def test_no_change_of_tags_is_none(job_set: ManagedJobSet) -> None:
    with pytest.raises(InvalidStateError, match="removal_tags"):
        job_set.update_tags()


@pytest.mark.parametrize(
    "changes",
    [
        {"replacement_tags": "a"},
        {"additional_tags": [""]},
        {"removal_tags": 7},
        {"additional_tags": [f"t{number}" for number in range(99)]},
    ],
)
def test_tags_that_are_unfit_change_nothing(
    job_set: ManagedJobSet, changes: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="tags"):
        job_set.update_tags(**changes)
    assert job_set.tags() == ["a", "b"]


def test_a_set_that_is_gone_has_no_name(store: MemoryStore, job_set: ManagedJobSet) -> None:
    store.client.flushall()
    with pytest.raises(JobSetNotFoundError):
        job_set.update_name("late")
    with pytest.raises(JobSetNotFoundError):
        job_set.update_tags(additional_tags=["late"])
