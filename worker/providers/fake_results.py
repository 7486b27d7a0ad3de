"""The fake provider's run options and results, as both of its forms have them."""

from collections.abc import Sequence

from pydantic import Field
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from worker.providers.experiments import header_of
from worker.providers.fake_outcomes import FakeExperiment
from worker.providers.options import RunOptions


class FakeRunOptions(RunOptions):
    """What a run may set."""

    shots: int = Field(default=1024, ge=1)
    memory: bool = False
    seed_simulator: int | None = None

    @property
    def seed(self) -> int:
        """The seed, 0 unless given."""
        return self.seed_simulator or 0


def result_of(
    experiments: Sequence[FakeExperiment],
    circuits: Sequence[QuantumCircuit],
    *,
    backend: str,
    job_id: str,
) -> Result:
    """Return the qiskit result of made-up experiments, in the circuits' order."""
    success = all(each["success"] for each in experiments)
    return Result(
        backend_name=backend,
        backend_version="1",
        job_id=job_id,
        success=success,
        status="COMPLETED" if success else "PARTIAL COMPLETED",
        results=[
            ExperimentResult(
                shots=each["shots"],
                success=each["success"],
                status=each["status"],
                header=header_of(circuit),
                data=_data(each),
            )
            for circuit, each in zip(circuits, experiments, strict=True)
        ],
    )


def _data(each: FakeExperiment) -> ExperimentResultData:
    # ``None`` is left out of the result altogether, an empty dictionary is not.
    return ExperimentResultData(counts=each["counts"] or None, memory=each["memory"] or None)
