"""The ``backend_v2`` provider: any qiskit ``BackendV2`` that the worker can import.

::

    [backends.basic]
    provider = "backend_v2"
    backend = "qiskit.providers.basic_provider:BasicSimulator"   # a class or a function
    arguments = {}                # its keyword arguments
    local = true                  # default; false: jobs outlive us, see backend_v2_remote
    seeds = "aer"                 # or "circuit"; found out unless given
    run_options = ["custom"]      # names beyond those that the backend lists
    max_circuits = 300            # limits to announce
    max_shots = 100000

The import path stands in the worker's own file and nowhere else: no client can name one.

**Seeds.**  ``aer``, for Aer and for backends that run on it (``GenericBackendV2``, the fake
backends of qiskit-ibm-runtime): the chunk's seed is moved as in :mod:`worker.providers.aer`, and
counts equal the unsplit run's.  ``circuit``, for all others: each circuit runs by itself with
``seed_simulator`` + its index in the job set.  Counts then do not depend on the chunk size, but
they differ from one unsplit run, in which ``BasicSimulator`` draws for all circuits from one
stream of random numbers; the backend's description says so.  Without a seed, and under the seed
policy ``same_for_all``, a chunk is one run with the options as they are.
"""

import importlib
from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any, ClassVar, Literal

from pydantic import Field
from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.result import Result
from qiskit.utils import optionals

from jobset_protocol.errors import ConfigurationError, FailureKind
from jobset_protocol.messages import SAME_FOR_ALL
from worker.providers.base import Capabilities, LocalProvider, Payload, RemoteProvider
from worker.providers.experiments import one_a_circuit
from worker.providers.failures import REFUSALS, local_kind, refusal
from worker.providers.options import (
    AdapterOptions,
    read_adapter_options,
    require_known_options,
)
from worker.providers.per_process import PerProcess
from worker.providers.seeds import aer_seed

_ON_AER = frozenset({"GenericBackendV2", "FakeBackendV2"})
"""Backends that run on Aer where it is installed, by name: one is another package's."""


class BackendV2Options(AdapterOptions):
    """What both modes take from the backend's table."""

    backend: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: dict[str, Any] = Field(default_factory=dict)
    local: bool = True
    run_options: list[str] = Field(default_factory=list)
    max_circuits: int | None = Field(default=None, ge=1)
    max_shots: int | None = Field(default=None, ge=1)


class LocalBackendOptions(BackendV2Options):
    """The table of a backend in this process."""

    seeds: Literal["aer", "circuit"] | None = None


def create(alias: str, options: Mapping[str, Any]) -> LocalProvider | RemoteProvider:
    """Build the adapter from a backend's table; the backend is built to see that it can be.

    Raises:
        ConfigurationError: An option is wrong, or the backend cannot be imported or built.
    """
    if options.get("local") is False:
        # It builds on this module.
        from worker.providers.backend_v2_remote import create_remote  # noqa: PLC0415

        return create_remote(alias, options)
    return LocalBackendProvider(alias, read_adapter_options(LocalBackendOptions, alias, options))


def build_backend(alias: str, options: BackendV2Options) -> BackendV2:
    """Import and build the backend.

    Raises:
        ConfigurationError: It cannot be, or it is not a ``BackendV2``.
    """
    module, _, name = options.backend.partition(":")
    try:
        backend = getattr(importlib.import_module(module), name)(**options.arguments)
    except Exception as error:
        raise ConfigurationError(
            f"[backends.{alias}]: {options.backend} cannot be built with arguments "
            f"{sorted(options.arguments)}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(backend, BackendV2):
        raise ConfigurationError(
            f"[backends.{alias}]: {options.backend} is a {type(backend).__name__}, not a BackendV2"
        )
    return backend


def known_run_options(backend: BackendV2, options: BackendV2Options) -> frozenset[str]:
    """Return the names that a run may set: the backend's options and its run()'s arguments."""
    parameters = list(signature(backend.run).parameters.values())[1:]
    named = {each.name for each in parameters if each.kind is not Parameter.VAR_KEYWORD}
    return frozenset(named | set(backend.options) | set(options.run_options))


def announced(
    backend: BackendV2, options: BackendV2Options, *, seeds: str | None
) -> dict[str, Any]:
    """Return the limits and the description that both modes announce.

    Args:
        backend: The backend.
        options: Its table.
        seeds: What becomes of a seed where counts are not those of an unsplit run.
    """
    note = "" if seeds is None else f"; {seeds}"
    return {
        "max_circuits": options.max_circuits or backend.max_circuits,
        "max_shots": options.max_shots,
        "num_qubits": backend.num_qubits,
        "description": f"{backend.name} ({options.backend}){note}",
    }


class LocalBackendProvider:
    """Runs chunks on a backend in this process.

    Args:
        alias: The backend's name, for messages.
        options: The backend's table.
    """

    local: ClassVar[bool] = True

    def __init__(self, alias: str, options: LocalBackendOptions) -> None:
        self._alias = alias
        # A simulator may keep threads: a forked child builds its own.
        self._backend = PerProcess(lambda: build_backend(alias, options))
        backend = self._backend()
        self._run_options = known_run_options(backend, options)
        self._seeds = options.seeds or ("aer" if _runs_on_aer(backend) else "circuit")
        note = None if self._seeds == "aer" else "seeds are per circuit, not as if unsplit"
        self.capabilities = Capabilities(
            resubmit_in_doubt=True, **announced(backend, options, seeds=note)
        )

    def run(self, payload: Payload, options: Mapping[str, Any]) -> Result:
        """Run a chunk; see the module's docstring for seeds.

        Raises:
            ProviderError: REJECTED for circuits that the backend does not take, FATAL for options.
        """
        require_known_options(self._alias, options, self._run_options)
        if isinstance(options.get("noise_model"), bytes):
            options = _with_noise_model(self._alias, options)
        try:
            result = self._run(payload, options)
        except REFUSALS as error:
            raise refusal(
                self._alias, error, lambda: self._run(Payload([_probe()], 0), options)
            ) from error
        return one_a_circuit(result, payload.circuits, source=self._alias)

    def classify(self, error: BaseException) -> FailureKind:
        """See :func:`local_kind`."""
        return local_kind(error)

    def _run(self, payload: Payload, options: Mapping[str, Any]) -> Any:
        backend, circuits = self._backend(), list(payload.circuits)
        seed = options.get("seed_simulator")
        if self._seeds == "aer":
            shifted = {**options, **aer_seed(options, payload)}
            return backend.run(circuits, **shifted).result()
        if seed is None or payload.seed_policy == SAME_FOR_ALL:
            return backend.run(circuits, **options).result()
        results = [
            backend.run([circuit], **{**options, "seed_simulator": seed + index}).result()
            for index, circuit in enumerate(circuits, payload.start_index)
        ]
        return _merged(results)


def _merged(results: list[Result]) -> Result:
    first = results[0]
    first.results = [experiment for result in results for experiment in result.results]
    failed = next((result for result in results if not result.success), None)
    if failed is not None:
        first.success, first.status = False, failed.status
    return first


def _probe() -> QuantumCircuit:
    """Return a circuit without gates: they differ from backend to backend."""
    circuit = QuantumCircuit(1, 1, name="probe")
    circuit.measure(0, 0)
    return circuit


def _with_noise_model(alias: str, options: Mapping[str, Any]) -> dict[str, Any]:
    # Only a backend on Aer takes one, and Aer is no requirement of this adapter.
    from worker.providers.aer_noise import with_noise_model  # noqa: PLC0415

    return with_noise_model(alias, options)


def _runs_on_aer(backend: BackendV2) -> bool:
    names = {each.__name__ for each in type(backend).__mro__}
    return "AerBackend" in names or (bool(names & _ON_AER) and bool(optionals.HAS_AER))
