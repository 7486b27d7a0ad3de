import pytest

from jobset_bench import roster
from jobset_bench.workloads import WorkloadName


def names(name: WorkloadName) -> list[str]:
    return [system.name for system in roster.running_systems(name)]


def test_without_dask_the_others_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "dask_is_installed", lambda: False)

    assert names(WorkloadName.INSTANT) == ["jobset", "celery", "celery (interval 0.01)"]
    assert names(WorkloadName.AER) == ["jobset", "celery", "celery (default threads)", "direct"]


def test_jobset_comes_first_among_those_that_send() -> None:
    assert [system.name for system in roster.sending_systems()] == ["jobset", "celery"]
