from collections.abc import Iterator
from pathlib import Path

import pytest

from jobset_protocol.errors import ConfigurationError
from worker.providers.fake_behaviour import FakeBehaviour, RefusedError, Submission
from worker.providers.fake_jobs import FakeJobs
from worker.providers.fake_outcomes import FakeCircuit


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


@pytest.fixture
def jobs(path: Path, clock: Clock) -> Iterator[FakeJobs]:
    jobs = FakeJobs(path, FakeBehaviour(), clock=clock)
    yield jobs
    jobs.close()


def submit(jobs: FakeJobs, tag: str = "t", names: tuple[str, ...] = ("a",), shots: int = 8) -> str:
    circuits = [FakeCircuit(name, 2) for name in names]
    return jobs.create(Submission(tag=tag, shots=shots, circuits=circuits), payload_bytes=1)


def statuses(jobs: FakeJobs, *ids: str) -> list[str]:
    known = {job["id"]: job["status"] for job in jobs.get(ids)}
    return [known.get(each, "unknown") for each in ids]


def test_a_job_waits_runs_and_ends(jobs: FakeJobs, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(queue_seconds=2, run_seconds=3)
    job = submit(jobs)

    seen = []
    for _ in range(6):
        seen += statuses(jobs, job)
        clock.now += 1

    assert seen == ["queued", "queued", "running", "running", "running", "done"]


def test_jobs_run_in_turn_and_tell_their_place(jobs: FakeJobs, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_running=1)
    ids = [submit(jobs) for _ in range(3)]

    assert statuses(jobs, *ids) == ["running", "queued", "queued"]
    assert [job["queue_position"] for job in jobs.get(ids)] == [None, 1, 2]

    clock.now += 25
    assert statuses(jobs, *ids) == ["done", "done", "running"]


def test_time_passes_while_the_service_is_down(jobs: FakeJobs, path: Path, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_running=1)
    ids = [submit(jobs, tag) for tag in ("a", "b", "c", "c")]
    assert statuses(jobs, *ids) == ["running", "queued", "queued", "queued"]
    jobs.close()
    clock.now += 15

    again = FakeJobs(path, jobs.behaviour, clock=clock)

    assert statuses(again, *ids) == ["done", "running", "queued", "queued"]
    assert again.stats()["duplicates"] == {"c": 2}
    again.close()


def test_a_cancelled_job_gives_its_place_up(jobs: FakeJobs, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_running=1)
    first, second, third = (submit(jobs) for _ in range(3))

    assert jobs.cancel(second)
    clock.now += 5
    assert jobs.cancel(first)
    assert statuses(jobs, first, second, third) == ["cancelled", "cancelled", "running"]
    clock.now += 9
    assert statuses(jobs, third) == ["running"]
    clock.now += 1
    assert statuses(jobs, third) == ["done"]
    assert not jobs.cancel(third)


def test_a_new_place_does_not_start_a_job_in_the_past(jobs: FakeJobs, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_running=1)
    first, second = submit(jobs), submit(jobs)
    clock.now += 8
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_running=2)

    clock.now += 5

    assert statuses(jobs, first, second) == ["done", "running"]


def test_a_job_with_a_failing_circuit_fails(jobs: FakeJobs) -> None:
    jobs.behaviour = FakeBehaviour(fail_circuits=["bad"])

    [job] = jobs.get([submit(jobs, names=("good", "bad"))])

    assert job["status"] == "failed"
    assert "'bad'" in job["error"]


def test_a_lost_job_is_counted_but_not_known(jobs: FakeJobs) -> None:
    jobs.behaviour = FakeBehaviour(lost_rate=1.0)
    job = submit(jobs, "gone")

    assert statuses(jobs, job) == ["unknown"]
    assert jobs.find("gone") == []
    assert jobs.stats()["tags"] == {"gone": 1}


def test_too_many_pending_jobs_are_refused_with_a_wish(jobs: FakeJobs, clock: Clock) -> None:
    jobs.behaviour = FakeBehaviour(run_seconds=10, max_pending=2, retry_after_seconds=3)
    submit(jobs)
    submit(jobs)

    with pytest.raises(RefusedError) as caught:
        submit(jobs)

    assert (caught.value.code, caught.value.retry_after_seconds) == (429, 3)
    clock.now += 10
    submit(jobs)
    assert jobs.stats()["most_pending"] == 2


@pytest.mark.parametrize(
    ("behaviour", "told", "code"),
    [
        (FakeBehaviour(max_circuits=1), "2 circuits", 422),
        (FakeBehaviour(max_shots=7), "8 shots", 400),
        (FakeBehaviour(reject_circuits=["b"]), "'b'", 422),
        (FakeBehaviour(reject_circuits=["x", "b*"]), "'b'", 422),
    ],
)
def test_what_can_never_run_is_refused(
    jobs: FakeJobs, behaviour: FakeBehaviour, told: str, code: int
) -> None:
    jobs.behaviour = behaviour

    with pytest.raises(RefusedError, match=told) as caught:
        submit(jobs, names=("a", "b"))

    assert caught.value.code == code
    assert jobs.stats()["submissions"] == 0


def test_many_jobs_are_described_at_once(jobs: FakeJobs) -> None:
    ids = [submit(jobs) for _ in range(1200)]

    assert [job["id"] for job in jobs.get(ids)] == ids


def test_a_behaviour_is_read_from_toml_or_json(tmp_path: Path) -> None:
    toml, json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text("run_seconds = 2.5")
    json.write_text('{"run_seconds": 2.5}')

    assert FakeBehaviour.read(toml) == FakeBehaviour.read(json) == FakeBehaviour(run_seconds=2.5)


@pytest.mark.parametrize("text", ["run_seconds = ", "run_seconds = -1", "colour = 1"])
def test_a_wrong_behaviour_names_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"wrong\.toml"):
        FakeBehaviour.read(path)
