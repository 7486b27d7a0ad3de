"""What ``run`` and ``plan`` were given, checked and on its way to becoming chunks."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from qiskit import QuantumCircuit

from jobset_client import validation
from jobset_client.chunking import chunk_size, plan_chunks
from jobset_client.encoding import ChunkEncoder, EncodedChunk, gathered, is_light
from jobset_client.parameter_binds import expand
from jobset_protocol.errors import PayloadTooLargeError
from jobset_protocol.messages import BackendSpec


@dataclass(frozen=True, slots=True)
class Workload:
    """Circuits as encoded chunks, with what the set says of them.

    Args:
        chunks: In order; encoded as they are consumed, once.
        chunk_size: Circuits in a chunk, or the most in one.
        options: Run options, as plain values.
        names: The circuits' names, if all chunks but the last hold ``chunk_size`` circuits;
            ``None`` when that is not known before the end.
    """

    chunks: Iterable[EncodedChunk]
    chunk_size: int
    options: Mapping[str, Any]
    names: Sequence[str] | None = None


def workload(
    experiments: object,
    spec: BackendSpec,
    max_experiments_per_job: object,
    run_config: Mapping[str, Any],
) -> Workload:
    """Check experiments and options for a backend.

    A list is checked whole.  An iterator, or whatever else has no length, is consumed with the
    chunks, and so are its mistakes; with ``parameter_binds`` it is read whole first.

    Raises:
        InvalidExperimentsError: No circuits, or things that are not circuits.
        InvalidOptionsError: An option cannot travel, or exceeds the backend's limits.
        ConfigurationError: The wished chunk size is none, or makes too many chunks.
        PayloadTooLargeError: A circuit of a list cannot be small enough for a job; names it.
    """
    wish = validation.chunk_size(max_experiments_per_job)
    config = dict(run_config)
    binds = config.pop("parameter_binds", None)
    options = validation.run_options(config, spec)
    encoder = ChunkEncoder(spec)
    if not binds and isinstance(experiments, Iterable) and not _has_length(experiments):
        size = chunk_size(spec, wish, shots=options.get("shots"))
        circuits = validation.checked_circuits(experiments, spec)
        return Workload(encoder.cut(gathered(circuits, size)), size, options)
    listed = expand(validation.experiments_list(experiments), binds)
    plan = plan_chunks(len(listed), spec, wish, shots=options.get("shots"))
    validation.require_fit(listed, spec)
    size = plan.chunk_size
    # A limit in bytes may cut any chunk, and a set of one size cannot have a smaller one.
    if spec.max_bytes is None and is_light(listed, plan):
        chunks = _if_small(
            encoder, encoder.whole(listed[chunk.start : chunk.stop] for chunk in plan)
        )
        if chunks is not None:
            return Workload(chunks, size, options, [circuit.name for circuit in listed])
    return Workload(encoder.cut(gathered(listed, size)), size, options)


def _has_length(experiments: Iterable[object]) -> bool:
    return isinstance(experiments, Collection | QuantumCircuit)


def _if_small(
    encoder: ChunkEncoder, chunks: Iterator[EncodedChunk]
) -> Iterator[EncodedChunk] | None:
    """Return the chunks; ``None`` when the first one shows that instructions are heavy here."""
    try:
        first = next(chunks)
    except PayloadTooLargeError:
        return None
    return chain([first], chunks) if encoder.is_small(first) else None
