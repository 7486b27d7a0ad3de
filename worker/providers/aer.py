"""The ``aer`` provider: qiskit-aer in the worker's own process.

::

    [backends.aer]
    provider = "aer"
    method = "automatic"          # whatever AerSimulator(...) takes that TOML can write
    max_parallel_threads = 1      # default: workers share the cores already

Counts equal those of one unsplit run: see :mod:`worker.providers.seeds`.  The run option
``noise_model`` takes a ``qiskit_aer.noise.NoiseModel``.

Aer announces no width and no limit on shots: the numbers in its configuration are estimates that
it does not enforce (idle qubits are dropped, Clifford circuits may be any width).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.result import Result
from qiskit_aer import AerSimulator

from jobset_protocol.errors import ConfigurationError, FailureKind, ProviderError
from worker.providers.aer_instructions import with_aer_instructions
from worker.providers.aer_noise import with_noise_model
from worker.providers.base import Capabilities, Payload
from worker.providers.experiments import one_a_circuit
from worker.providers.failures import REFUSALS, local_kind, refusal
from worker.providers.options import require_known_options
from worker.providers.per_process import PerProcess
from worker.providers.seeds import aer_seed

_NEVER = frozenset({"executor"})
"""Its value is a Python object, which neither TOML nor a message can carry."""
_PER_RUN = frozenset({"noise_model", "seed_simulator"})
"""TOML cannot write a noise model; a seed in the table would be every job set's."""

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
    run_options = frozenset(AerSimulator._default_options()) - _NEVER
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
            ProviderError: REJECTED for circuits that Aer does not take, FATAL for options.
        """
        require_known_options(self._alias, options, self._run_options)
        run_options = with_noise_model(self._alias, {**options, **aer_seed(options, payload)})
        circuits = [with_aer_instructions(circuit) for circuit in payload.circuits]
        simulator = self._simulator()
        try:
            result = simulator.run(circuits, **run_options).result()
        except _RUN_REFUSALS as error:
            raise refusal(
                f"{self._alias} (Aer)",
                error,
                lambda: simulator.run([_probe()], **run_options).result(),
                said=_said(error),
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


def _probe() -> QuantumCircuit:
    """Return a circuit that every method of Aer runs."""
    circuit = QuantumCircuit(1, name="probe")
    circuit.x(0)
    return circuit


def _said(error: BaseException) -> str:
    # Others than Aer's own are no sentences: a KeyError's text is only the key.
    return str(error) if isinstance(error, QiskitError) else f"{type(error).__name__}: {error}"
