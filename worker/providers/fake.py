"""The ``fake`` provider, for users' own tests and for benchmarks; it computes nothing.

Without ``service_url`` it answers at once, in the worker's process::

    [backends.fake]
    provider = "fake"
    latency_seconds = 0.0         # how long a chunk takes
    fail_circuits = ["bad"]       # names of circuits that fail; "bad*" matches many
    reject_circuits = ["worse*"]  # names of circuits for which a whole chunk is refused
    max_circuits = 300            # limits to announce and to enforce
    max_shots = 100000

With it, jobs live in a service of their own (:mod:`worker.providers.fake_service`) and outlive
the workers; see :mod:`worker.providers.fake_remote`.  Results: see
:mod:`worker.providers.fake_outcomes`.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from qiskit.result import Result

from jobset_protocol.errors import FailureKind, ProviderError
from worker.providers.base import Capabilities, LocalProvider, Payload, RemoteProvider
from worker.providers.fake_outcomes import FakeCircuit, experiment, named, rejection_text
from worker.providers.fake_results import FakeRunOptions, result_of
from worker.providers.options import AdapterOptions, read_adapter_options, read_run_options
from worker.providers.seeds import first_index


class FakeOptions(AdapterOptions):
    """The backend's table, without ``service_url``."""

    latency_seconds: float = Field(default=0.0, ge=0)
    fail_circuits: list[str] = Field(default_factory=list)
    reject_circuits: list[str] = Field(default_factory=list)
    max_circuits: int | None = Field(default=None, ge=1)
    max_shots: int | None = Field(default=None, ge=1)


def create(alias: str, options: Mapping[str, Any]) -> LocalProvider | RemoteProvider:
    """Build the local or the remote form from a backend's table.

    Raises:
        ConfigurationError: An option is unknown or wrong.
    """
    if "service_url" in options:
        # The local form does without an HTTP client.
        from worker.providers.fake_remote import create_remote  # noqa: PLC0415

        return create_remote(alias, options)
    return FakeProvider(alias, read_adapter_options(FakeOptions, alias, options))


class FakeProvider:
    """Answers at once.

    Args:
        alias: The backend's name, for messages and results.
        options: The backend's table.
    """

    local: ClassVar[bool] = True

    def __init__(self, alias: str, options: FakeOptions) -> None:
        self._alias = alias
        self._options = options
        self.capabilities = Capabilities(
            resubmit_in_doubt=True,
            max_circuits=options.max_circuits,
            max_shots=options.max_shots,
            description="fake: answers at once, computes nothing",
        )

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Return made-up counts; circuits in ``fail_circuits`` have ``success=False``.

        Raises:
            ProviderError: REJECTED for too many circuits and for those in ``reject_circuits``,
                FATAL for options that are unknown or wrong.
        """
        run_options = read_run_options(FakeRunOptions, self._alias, options)
        self._refuse_if_unfit(payload, run_options.shots)
        if self._options.latency_seconds:
            time.sleep(self._options.latency_seconds)
        experiments = [
            experiment(
                FakeCircuit(circuit.name, circuit.num_clbits),
                index,
                shots=run_options.shots,
                seed=run_options.seed,
                memory=run_options.memory,
                fails=self._options.fail_circuits,
            )
            for index, circuit in enumerate(payload.circuits, first_index(payload))
        ]
        return result_of(experiments, payload.circuits, backend=self._alias, job_id="")

    def classify(self, error: BaseException) -> FailureKind:
        """Only its own errors are known."""
        return error.kind if isinstance(error, ProviderError) else FailureKind.FATAL

    def _refuse_if_unfit(self, payload: Payload, shots: int) -> None:
        circuits = len(payload.circuits)
        for what, number, limit, kind in (
            ("circuits in a job", circuits, self._options.max_circuits, FailureKind.REJECTED),
            ("shots", shots, self._options.max_shots, FailureKind.FATAL),
        ):
            if limit is not None and number > limit:
                raise ProviderError(
                    f"{self._alias}: {number} {what}, but at most {limit} are allowed", kind=kind
                )
        for circuit in payload.circuits:
            if named(circuit.name, self._options.reject_circuits):
                raise ProviderError(
                    f"{self._alias}: {rejection_text(circuit.name)}", kind=FailureKind.REJECTED
                )
