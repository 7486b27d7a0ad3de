"""The code in the README and in the examples runs, word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

from jobset_client import LocalCluster

ROOT = Path(__file__).parents[2]


def run(code: str, cluster: LocalCluster, folder: Path | None = None) -> str:
    """Run a program as a user would, and return what it printed."""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JOBSET_URL": cluster.url},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_readme_runs(cluster: LocalCluster, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) == 3

    printed = run("\n".join(blocks), cluster, tmp_path)

    counts, *lines = printed.splitlines()
    [statuses] = [line for line in lines if line.startswith("[<JobStatus")]
    assert set(re.findall(r"'(\w+)'", counts)) == {"0" * 17, "1" * 17}
    assert sum(map(int, re.findall(r": (\d+)", counts))) == 1024
    assert "Job set name: ghz" in printed
    assert statuses.count("JobStatus.DONE") == 4
    assert "Plan for backend 'aer':" in printed
    assert (tmp_path / "ghz.jobset").exists()


def test_example_shows_that_split_equals_unsplit(cluster: LocalCluster) -> None:
    printed = run((ROOT / "examples/split_equals_unsplit.py").read_text(encoding="utf-8"), cluster)

    assert "40 of 40 circuits have identical counts" in printed


def test_every_example_is_run_here() -> None:
    assert [path.name for path in ROOT.glob("examples/*.py")] == ["split_equals_unsplit.py"]
