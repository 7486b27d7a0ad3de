"""100,000 circuits from a generator: bounded memory, and results that are read when looked at."""

import json
import os
import subprocess
import sys

from jobset_client import LocalCluster
from tests.e2e.many_circuits import CHUNK_SIZE, SHOTS

CIRCUITS = 100_000
MOST_PEAK_MIB = 700
"""Less than half of what is promised (1.5 GB), and twice what it takes."""


def test_a_generator_of_many_circuits_takes_little_memory(cluster: LocalCluster) -> None:
    client = subprocess.run(
        [sys.executable, "-m", "tests.e2e.many_circuits", cluster.url, str(CIRCUITS)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        check=False,
    )
    assert client.returncode == 0, client.stderr
    found = json.loads(client.stdout)

    assert found.pop("peak MiB") < MOST_PEAK_MIB
    assert found == {
        "circuits": CIRCUITS,
        "chunks": CIRCUITS // CHUNK_SIZE,
        "success": True,
        "touched by results": [[], 0],
        "shots of the last": SHOTS,
        "touched by the last": [[CIRCUITS // CHUNK_SIZE - 1], 1],
        "shots of the middle": SHOTS,
        "shots of all": CIRCUITS * SHOTS,
    }
