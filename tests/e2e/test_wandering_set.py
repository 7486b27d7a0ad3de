"""A set in the hands of three processes, then in another server: it stays the same set."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from jobset_client import JobManager, LocalCluster, ManagedJobSet
from tests.circuits import small_circuits
from tests.servers import ValkeyServer

SUBMIT = """
import sys
from jobset_client import JobManager
from tests.circuits import small_circuits
with JobManager(sys.argv[1]) as manager:
    manager.run(
        small_circuits(12), "aer", name="first name", job_tags=["draft"],
        max_experiments_per_job=5, shots=100, seed_simulator=3,
    )
"""
RENAME = """
import sys
from jobset_client import JobManager
with JobManager(sys.argv[1]) as manager:
    [job_set] = manager.job_sets(name="first name")
    job_set.update_name("second name")
    job_set.update_tags(additional_tags=["final"], removal_tags=["draft"])
"""
FINISH = """
import sys
from jobset_client import JobManager
with JobManager(sys.argv[1]) as manager:
    assert manager.job_sets(tag="draft") == []
    [job_set] = manager.job_sets(tag="final")
    assert job_set.results(timeout=60).success
    job_set.export(sys.argv[2])
    print(job_set.job_set_id())
"""


def python(script: str, *arguments: str) -> str:
    """Run a script in a process of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def all_of(job_set: ManagedJobSet) -> dict[str, Any]:
    """Everything that a user can see of a set."""
    results = job_set.results(timeout=10)
    combined = results.combine_results().to_dict()
    return {
        "id": job_set.job_set_id(),
        "name": job_set.name(),
        "tags": job_set.tags(),
        "statuses": [str(status) for status in job_set.statuses()],
        "report": job_set.report(),
        "counts": results.get_counts(),
        "names": list(job_set.circuit_names()),
        "circuits": list(job_set.circuits()),
        "combined": json.dumps(combined, default=str, sort_keys=True),
        "times": [
            (job.record.queued_at, job.record.running_at, job.record.finished_at)
            for job in job_set.managed_jobs()
        ],
        "created": (job_set.record.created_at, job_set.record.finished_at),
        "config": [qobj.to_dict()["config"] for qobj in job_set.qobjs() if qobj],
    }


def test_three_processes_and_two_servers(cluster: LocalCluster, tmp_path: Path) -> None:
    archive = tmp_path / "set.jobset"
    python(SUBMIT, cluster.url)
    python(RENAME, cluster.url)
    set_id = python(FINISH, cluster.url, str(archive))
    with JobManager(cluster.url) as manager:
        here = all_of(manager.retrieve_job_set(set_id))
    empty = ValkeyServer(tmp_path)
    empty.start()
    with contextlib.closing(empty), JobManager(empty.url) as manager:
        assert manager.job_sets() == []
        there = all_of(manager.import_job_set(archive))
        assert [job_set.job_set_id() for job_set in manager.job_sets(tag="final")] == [set_id]
    assert there == here
    assert here["name"] == "second name"
    assert here["tags"] == ["final"]
    assert here["circuits"] == small_circuits(12)
