"""One ``AerSimulator.run`` call of all circuits: no workers, no chunks."""

from collections.abc import Sequence
from contextlib import ExitStack

from jobset_bench.chunk_work import counts_of, simulator
from jobset_bench.systems.base import RunningSystem
from jobset_bench.workloads import Counts, Workload


class DirectAer(RunningSystem):
    """Aer as it comes, in this process, with all of its threads."""

    name = "direct"
    setting = "1 × cores"

    def start(self, stack: ExitStack) -> None:
        """Start nothing: all happens in this process."""

    def run(self, workload: Workload) -> Sequence[Counts]:
        """See :meth:`RunningSystem.run`."""
        job = simulator().run(
            list(workload.circuits), shots=workload.shots, seed_simulator=workload.seed
        )
        return counts_of(job.result())
