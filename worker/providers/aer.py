"""The ``aer`` provider: qiskit-aer in the worker's own process.

::

    [backends.aer]
    provider = "aer"
    method = "automatic"          # whatever AerSimulator(...) takes that TOML can write
    max_parallel_threads = 1      # default: workers share the cores already

Counts equal those of one unsplit run: see :mod:`worker.providers.seeds`.

Aer announces no width and no limit on shots: the numbers in its configuration are estimates that
it does not enforce (idle qubits are dropped, Clifford circuits may be any width).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from qiskit.exceptions import QiskitError
from qiskit.result import Result
from qiskit_aer import AerSimulator

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from worker.providers.aer_instructions import with_aer_instructions
from worker.providers.base import Capabilities, Payload
from worker.providers.experiments import one_a_circuit
from worker.providers.failures import REFUSALS, local_kind
from worker.providers.options import require_known_options
from worker.providers.per_process import PerProcess
from worker.providers.seeds import shifted_seed

_NOT_PLAIN = frozenset({"executor", "noise_model"})
"""Options whose values are Python objects, which neither TOML nor a message can carry."""
_PER_RUN = frozenset({"seed_simulator"})
"""A seed in the table would give every chunk the same random numbers."""

_RUN_REFUSALS = (*REFUSALS, AttributeError, LookupError, RuntimeError)
"""Aer checks little itself: strange circuits end in whatever its Python or C++ stumbles over."""

_CHOICES = {
    "method": AerSimulator._SIMULATION_METHODS,
    "device": AerSimulator._SIMULATION_DEVICES,
}
"""Checked at the start; Aer itself would complain only when the first chunk runs."""


def create(alias: str, options: Mapping[str, Any]) -> "AerProvider":
    """Build the adapter from a backend's table.

    Raises:
        ConfigurationError: An option is none of Aer's, or belongs to a run.
    """
    run_options = frozenset(AerSimulator._default_options()) - _NOT_PLAIN
    known = run_options - _PER_RUN
    for name in options:
        if name not in known:
            hint = "it is a run option" if name in _PER_RUN else f"known are {sorted(known)}"
            raise ConfigurationError(f"[backends.{alias}]: no option {name!r} here; {hint}")
    for name, choices in _CHOICES.items():
        if name in options and options[name] not in choices:
            raise ConfigurationError(
                f"[backends.{alias}]: {name}: {options[name]!r} is none of {', '.join(choices)}"
            )
    return AerProvider(alias, options, run_options)


class AerProvider:
    """Runs chunks on one ``AerSimulator`` a process.

    Args:
        alias: The backend's name, for messages.
        options: Options of the simulator.
        run_options: Names that a run may set.
    """

    local: ClassVar[bool] = True

    def __init__(self, alias: str, options: Mapping[str, Any], run_options: frozenset[str]) -> None:
        self._alias = alias
        self._options = {"max_parallel_threads": 1, **options}
        self._run_options = run_options
        # Built after the fork: on a GPU, asking for the devices starts CUDA.
        self._simulator = PerProcess(self._build)
        method = self._options.get("method", "automatic")
        self.capabilities = Capabilities(
            resubmit_in_doubt=True, description=f"qiskit-aer, method {method}"
        )

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Run a chunk with the seeds that its circuits have in an unsplit run.

        Raises:
            ProviderError: REJECTED for options or circuits that Aer does not take.
        """
        require_known_options(self._alias, options, self._run_options)
        run_options = {**options, **shifted_seed(options, payload.start_index)}
        circuits = [with_aer_instructions(circuit) for circuit in payload.circuits]
        try:
            result = self._simulator().run(circuits, **run_options).result()
        except _RUN_REFUSALS as error:
            raise ProviderError(
                f"{self._alias}: Aer refuses these circuits or options: {_said(error)}",
                kind=FailureKind.REJECTED,
            ) from error
        return one_a_circuit(result, circuits, source=self._alias)

    def classify(self, error: BaseException) -> FailureKind:
        """See :func:`local_kind`."""
        return local_kind(error)

    def _build(self) -> AerSimulator:
        try:
            return AerSimulator(**self._options)
        except REFUSALS as error:
            raise ProviderError(
                f"[backends.{self._alias}]: AerSimulator refuses {self._options}: {error}; "
                "correct the worker's configuration",
            ) from error


def _said(error: BaseException) -> str:
    # Others than Aer's own are no sentences: a KeyError's text is only the key.
    return str(error) if isinstance(error, QiskitError) else f"{type(error).__name__}: {error}"
