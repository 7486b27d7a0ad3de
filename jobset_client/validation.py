"""Check what a user gives to ``run``, before anything is stored."""

import math
import operator
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from jobset_client.circuit_size import require_room
from jobset_protocol.codecs.document import encode_document
from jobset_protocol.codecs.noise_model import encode_noise_model, is_noise_model
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
)
from jobset_protocol.messages import AS_IF_UNSPLIT, SAME_FOR_ALL, BackendSpec

MOST_LABEL_CHARACTERS = 200
MOST_TAGS = 100
MOST_OPTION_BYTES = 4 << 20
"""Encoded: every reader of a set reads its options, a noise model among them."""
_LINE_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories that would break a line of a report, or cannot be stored."""


def experiments_list(experiments: object) -> list[QuantumCircuit]:
    """Return the circuits as a list; a single one is a list of one.

    Raises:
        InvalidExperimentsError: Empty, or something in it is not a circuit.
    """
    if isinstance(experiments, QuantumCircuit):
        return [experiments]
    if isinstance(experiments, str | bytes | Mapping) or not isinstance(experiments, Iterable):
        raise InvalidExperimentsError(
            f"experiments must be a QuantumCircuit or a list of them, not a "
            f"{type(experiments).__name__}"
        )
    circuits = list(experiments)
    if not circuits:
        raise InvalidExperimentsError("there is nothing to run: the list of experiments is empty")
    for index, circuit in enumerate(circuits):
        _require_circuit(index, circuit)
    return circuits


def checked_circuits(experiments: Iterable[object], spec: BackendSpec) -> Iterator[QuantumCircuit]:
    """Yield circuits as they come, each one checked.

    Raises:
        InvalidExperimentsError: One is no circuit, or is too wide for the backend; names it.
        PayloadTooLargeError: One cannot be small enough for a job; names it.
    """
    for index, circuit in enumerate(experiments):
        checked = _require_circuit(index, circuit)
        _require_fit(index, checked, spec)
        yield checked


def require_fit(circuits: Iterable[QuantumCircuit], spec: BackendSpec) -> None:
    """Refuse circuits that the backend has too few qubits for, or that are too large for a job.

    Raises:
        InvalidExperimentsError: One is too wide; names the first such circuit.
        PayloadTooLargeError: One is too large; names the first such circuit.
    """
    for index, circuit in enumerate(circuits):
        _require_fit(index, circuit, spec)


def _require_circuit(index: int, experiment: object) -> QuantumCircuit:
    if not isinstance(experiment, QuantumCircuit):
        raise InvalidExperimentsError(
            f"experiments[{index}] is a {type(experiment).__name__}, not a QuantumCircuit"
        )
    return experiment


def _require_fit(index: int, circuit: QuantumCircuit, spec: BackendSpec) -> None:
    if spec.num_qubits is not None and circuit.num_qubits > spec.num_qubits:
        raise InvalidExperimentsError(
            f"experiments[{index}] ({circuit.name!r}) has {circuit.num_qubits} qubits, and "
            f"backend {spec.alias!r} has {spec.num_qubits}: transpile for it, or choose another"
        )
    require_room(index, circuit, spec)


def chunk_size(max_experiments_per_job: object) -> int | None:
    """Return the wished number of circuits a chunk; ``None`` for no wish.

    Raises:
        ConfigurationError: Not an integer of at least 1.
    """
    if max_experiments_per_job is None:
        return None
    size = _integer(max_experiments_per_job)
    if size is None or size < 1:
        raise ConfigurationError(
            "max_experiments_per_job must be an integer of at least 1, not "
            f"{max_experiments_per_job!r}"
        )
    return size


def label(what: str, text: object) -> str:
    """Return a name or a tag that is fit for one line of a report.

    Args:
        what: How to call it in an error.
        text: 1 to 200 characters, without line breaks and other control characters.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"{what} must be a string, not a {type(text).__name__}")
    if not text.strip():
        raise ConfigurationError(f"{what} must not be empty")
    if len(text) > MOST_LABEL_CHARACTERS:
        raise ConfigurationError(
            f"{what} has {len(text)} characters; at most {MOST_LABEL_CHARACTERS} are allowed"
        )
    for character in text:
        if unicodedata.category(character) in _LINE_BREAKING:
            raise ConfigurationError(
                f"{what} {text!r} holds {character!r}: line breaks and control characters "
                "are not allowed"
            )
    return text


def tags(job_tags: object, what: str = "job_tags") -> tuple[str, ...]:
    """Return the tags, each once.

    Args:
        job_tags: Strings; ``None`` for none.
        what: How to call them in an error.

    Raises:
        ConfigurationError: Not a list of strings that are fit, or too many.
    """
    if job_tags is None:
        return ()
    if isinstance(job_tags, str | bytes | Mapping) or not isinstance(job_tags, Iterable):
        raise ConfigurationError(f"{what} must be a list of strings, not {job_tags!r}")
    found = tuple(dict.fromkeys(label(f"{what}[{i}]", tag) for i, tag in enumerate(job_tags)))
    if len(found) > MOST_TAGS:
        raise ConfigurationError(f"{what} holds {len(found)} tags; at most {MOST_TAGS} may be")
    return found


def share_level(job_share_level: object) -> None:
    """Accept what the original accepted; jobs are not shared here, so nothing comes of it.

    Raises:
        ConfigurationError: Neither a string nor ``None``.
    """
    if job_share_level is not None and not isinstance(job_share_level, str):
        raise ConfigurationError(
            f"job_share_level must be a string or None, not a {type(job_share_level).__name__}"
        )


def seed_policy(policy: object) -> str:
    """Return what becomes of ``seed_simulator`` in the chunks.

    Args:
        policy: ``as_if_unsplit``: every circuit gets the seed that it has in one unsplit run, on
            backends that can do so; ``same_for_all``: every chunk gets the seed as it is given.

    Raises:
        InvalidOptionsError: It is neither.
    """
    if isinstance(policy, str) and policy in (AS_IF_UNSPLIT, SAME_FOR_ALL):
        return policy
    raise InvalidOptionsError(
        f"seed_policy must be {AS_IF_UNSPLIT!r} or {SAME_FOR_ALL!r}, not {policy!r}"
    )


def run_options(run_config: Mapping[str, Any], spec: BackendSpec) -> dict[str, Any]:
    """Return the run options as plain values that can travel to a worker.

    A qiskit-aer ``NoiseModel`` becomes bytes, which the worker reads.

    Raises:
        InvalidOptionsError: Names the option that cannot, or that asks for too much.
    """
    options: dict[str, Any] = {}
    encoded_bytes: dict[str, int] = {}
    for name, value in run_config.items():
        try:
            options[name] = encode_noise_model(value) if is_noise_model(value) else _plain(value)
            encoded_bytes[name] = len(encode_document({name: options[name]}))
        except (CodecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidOptionsError(
                f"the option {name!r} cannot travel to a worker ({error}): give numbers, strings, "
                "lists and dicts only, or configure it with the worker's backend"
            ) from error
    _require_small(encoded_bytes)
    _require_shots(options.get("shots"), spec)
    _require_seed(options.get("seed_simulator"))
    return options


def retention_seconds(seconds: object) -> float | None:
    """Return how long a set is kept after its end; ``None`` for ever.

    Raises:
        ConfigurationError: Not a number of seconds above 0.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | np.number):
        raise ConfigurationError(f"retention_seconds must be a number, not {seconds!r}")
    found = float(seconds)
    if not 0 < found < math.inf:
        raise ConfigurationError(
            f"retention_seconds must be above 0 and finite, not {found}; None keeps the set"
        )
    return found


def _require_small(encoded_bytes: Mapping[str, int]) -> None:
    total = sum(encoded_bytes.values())
    if total > MOST_OPTION_BYTES:
        largest = max(encoded_bytes, key=lambda name: encoded_bytes[name])
        raise InvalidOptionsError(
            f"the options take {total:,} bytes, most of them {largest!r}, and the limit is "
            f"{MOST_OPTION_BYTES:,}: configure it with the worker's backend"
        )


def _require_shots(shots: object, spec: BackendSpec) -> None:
    if shots is None:
        return
    count = _integer(shots)
    if count is None or count < 1:
        raise InvalidOptionsError(f"shots must be an integer of at least 1, not {shots!r}")
    if spec.max_shots is not None and count > spec.max_shots:
        raise InvalidOptionsError(
            f"shots={count} is more than backend {spec.alias!r} allows ({spec.max_shots})"
        )


def _require_seed(seed: object) -> None:
    if seed is None:
        return
    number = _integer(seed)
    if number is None or number < 0:
        raise InvalidOptionsError(
            f"seed_simulator must be an integer of at least 0, or None, not {seed!r}"
        )


def _integer(value: object) -> int | None:
    """Return an integer of any kind as ``int``; ``None`` for anything else, bool included."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that it may fail is the point
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    """Turn numpy scalars, also nested ones, into Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
