"""`jobset bench --quick` from outside: real servers, real workers."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import wait_until

pytestmark = pytest.mark.bench

COMMAND = [sys.executable, "-c", "from jobset_client.cli import main; main()", "bench", "--quick"]
ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 110


@pytest.fixture
def scratch() -> Iterator[Path]:
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="jsb-") as folder:
        yield Path(folder)


def environment(scratch: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


def processes_of(scratch: Path) -> list[str]:
    # Servers and workers bear a path below their temporary folder in their arguments.
    listing = subprocess.run(
        ["ps", "-eo", "pid,args", "-ww"], capture_output=True, text=True, check=True
    )
    return [line for line in listing.stdout.splitlines() if f"{scratch}/" in line]


def test_quick_compares_all_systems_and_leaves_nothing_behind(scratch: Path) -> None:
    # When
    path = scratch / "rows.json"
    ended = subprocess.run(
        [*COMMAND, "--json", str(path)],
        env=environment(scratch),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    # Then
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["workload"], row["system"]) for row in rows] == [
        ("instant", "jobset"),
        ("instant", "celery"),
        ("instant", "celery (interval 0.01)"),
        ("instant", "dask"),
        ("aer", "jobset"),
        ("aer", "celery"),
        ("aer", "celery (default threads)"),
        ("aer", "dask"),
        ("aer", "direct"),
        ("enqueue", "jobset"),
        ("enqueue", "celery"),
        ("statuses", "jobset"),
        ("statuses", "celery"),
    ]
    for row in rows:
        assert set(row) == {"workload", "system", "chunks", "seconds", "chunks_per_second"}
        assert row["seconds"] > 0
        assert row["chunks"] == (20 if row["workload"] in ("instant", "aer") else 500)
        assert row["chunks_per_second"] == pytest.approx(row["chunks"] / row["seconds"])
    assert "celery (default threads)" in ended.stdout
    assert "aer: direct, 1 of 1" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Note:" not in ended.stderr
    assert processes_of(scratch) == []
    assert os.listdir(scratch) == ["rows.json"]


def test_a_stopped_benchmark_stops_its_processes(scratch: Path) -> None:
    # Given a benchmark in the middle of its work
    log = scratch / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "--workload", "instant", "--repeat", "1000"],
            env=environment(scratch),
            stdout=output,
            stderr=output,
        )
        try:
            wait_until(
                lambda: b"instant: jobset, 1 of 1000:" in log.read_bytes(),
                description="the first measurement",
                timeout_seconds=60,
            )
            wait_until(lambda: processes_of(scratch), description="the next system's processes")

            # When
            process.send_signal(signal.SIGTERM)

            # Then
            assert process.wait(timeout=40) == 128 + signal.SIGTERM
        finally:
            process.kill()
            process.wait()
    wait_until(lambda: not processes_of(scratch), description="all processes to have ended")
    assert os.listdir(scratch) == ["log"]
