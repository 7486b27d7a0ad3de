"""Check what a user gives to ``run``, before anything is stored."""

import operator
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from jobset_protocol.codecs.document import encode_document
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
)
from jobset_protocol.messages import BackendSpec

MOST_LABEL_CHARACTERS = 200
MOST_TAGS = 100
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
        if not isinstance(circuit, QuantumCircuit):
            raise InvalidExperimentsError(
                f"experiments[{index}] is a {type(circuit).__name__}, not a QuantumCircuit"
            )
    return circuits


def require_width(circuits: Iterable[QuantumCircuit], spec: BackendSpec) -> None:
    """Refuse circuits that the backend has too few qubits for.

    Raises:
        InvalidExperimentsError: Names the first such circuit.
    """
    if spec.num_qubits is None:
        return
    for index, circuit in enumerate(circuits):
        if circuit.num_qubits > spec.num_qubits:
            raise InvalidExperimentsError(
                f"experiments[{index}] ({circuit.name!r}) has {circuit.num_qubits} qubits, and "
                f"backend {spec.alias!r} has {spec.num_qubits}: transpile for it, or choose another"
            )


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


def tags(job_tags: object) -> tuple[str, ...]:
    """Return the tags, each once.

    Raises:
        ConfigurationError: Not a list of strings that are fit, or too many.
    """
    if job_tags is None:
        return ()
    if isinstance(job_tags, str | bytes | Mapping) or not isinstance(job_tags, Iterable):
        raise ConfigurationError(f"job_tags must be a list of strings, not {job_tags!r}")
    found = tuple(dict.fromkeys(label(f"job_tags[{i}]", tag) for i, tag in enumerate(job_tags)))
    if len(found) > MOST_TAGS:
        raise ConfigurationError(f"job_tags holds {len(found)} tags; at most {MOST_TAGS} may be")
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


def run_options(run_config: Mapping[str, Any], spec: BackendSpec) -> dict[str, Any]:
    """Return the run options as plain values that can travel to a worker.

    Raises:
        InvalidOptionsError: Names the option that cannot, or that asks for too much.
    """
    if "parameter_binds" in run_config:
        raise InvalidOptionsError(
            "parameter_binds belong to single circuits and cannot be split: bind them before, "
            "with circuit.assign_parameters(values)"
        )
    options: dict[str, Any] = {}
    for name, value in run_config.items():
        try:
            options[name] = _plain(value)
            encode_document({name: options[name]})
        except (CodecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidOptionsError(
                f"the option {name!r} cannot travel to a worker ({error}): give numbers, strings, "
                "lists and dicts only, or configure it with the worker's backend"
            ) from error
    _require_shots(options.get("shots"), spec)
    _require_seed(options.get("seed_simulator"))
    return options


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
