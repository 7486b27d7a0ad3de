"""What a run would be, worked out before anything is submitted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobset_client.chunking import SHOTS_BY_DEFAULT
from jobset_client.encoding import EncodedChunk
from jobset_client.printable import safe
from jobset_client.workload import Workload
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidExperimentsError,
    VersionMismatchError,
)
from jobset_protocol.messages import BackendSpec

_SHOWN_CHUNKS = 12
_ARGUMENTS_OF_RUN = (
    "name",
    "job_share_level",
    "job_tags",
    "seed_policy",
    "retention_seconds",
    "idempotency_key",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """Chunks, shots, bytes and cost of a run; ``print`` it, or submit it with ``run(plan)``.

    It keeps the circuits encoded and compressed, so that :meth:`JobManager.run` encodes nothing
    again: 100,000 one-qubit circuits take some 2 MB.

    Args:
        backend: The backend's alias.
        chunks: Which circuits each chunk has, by their indices.
        shots: Of all circuits together; without the option ``shots``, 1,024 for each.
        encoded_bytes: Of all circuits' QPY before compression, which ``max_bytes`` limits.
        cost: What the provider would charge by the announced prices; ``None`` without prices.
        currency: Of the cost.
        options: Run options, as they travel.
        qpy_version: In which the circuits are encoded.
    """

    backend: str
    chunks: Sequence[range]
    shots: int
    encoded_bytes: int
    cost: float | None
    currency: str | None
    options: Mapping[str, Any]
    qpy_version: int
    _encoded: Sequence[EncodedChunk] = field(kw_only=True)

    @property
    def circuit_count(self) -> int:
        """How many circuits there are."""
        return self.chunks[-1].stop

    def __repr__(self) -> str:
        return (
            f"<Plan: {self.circuit_count:,} circuits in {len(self.chunks):,} chunks for "
            f"{self.backend!r}>"
        )

    def __str__(self) -> str:
        each = self.shots // self.circuit_count
        lines = [
            f"Plan for backend {self.backend!r}:",
            f"       circuits: {self.circuit_count:,}",
            f"         chunks: {len(self.chunks):,}",
            f"          shots: {self.shots:,} ({each:,} for each circuit)",
            f"  encoded bytes: {self.encoded_bytes:,}",
            f"           cost: {self._cost_text()}",
            "",
            f"{'chunk':>9} {'circuits':>17} {'number':>8} {'shots':>13} {'bytes':>13}",
        ]
        for index, chunk in enumerate(self._encoded[:_SHOWN_CHUNKS]):
            circuits = chunk.circuits
            lines.append(
                f"{index:>9,} {f'{circuits.start}-{circuits.stop - 1}':>17} {len(circuits):>8,} "
                f"{len(circuits) * each:>13,} {chunk.qpy_bytes:>13,}"
            )
        if len(self.chunks) > _SHOWN_CHUNKS:
            lines.append(f"{'…':>9} and {len(self.chunks) - _SHOWN_CHUNKS:,} more")
        return "\n".join(map(safe, lines))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, without circuits and options."""
        return {
            "backend": self.backend,
            "circuits": self.circuit_count,
            "shots": self.shots,
            "encoded_bytes": self.encoded_bytes,
            "cost": self.cost,
            "currency": self.currency,
            "chunks": [
                {
                    "start": chunk.circuits.start,
                    "stop": chunk.circuits.stop,
                    "encoded_bytes": chunk.qpy_bytes,
                }
                for chunk in self._encoded
            ],
        }

    def workload(self, spec: BackendSpec) -> Workload:
        """Return what to submit.

        Args:
            spec: The backend as it is announced now.

        Raises:
            VersionMismatchError: Its workers read older circuits only than these are.
        """
        if spec.qpy_version < self.qpy_version:
            raise VersionMismatchError(
                f"the plan's circuits are QPY {self.qpy_version}, and the workers of backend "
                f"{spec.alias!r} read up to {spec.qpy_version} now: plan again"
            )
        sizes = {len(chunk) for chunk in self.chunks[:-1]} or {self.circuit_count}
        is_even = len(sizes) == 1 and len(self.chunks[-1]) <= max(sizes)
        return Workload(
            self._encoded,
            max(map(len, self.chunks)),
            self.options,
            [name for chunk in self._encoded for name in chunk.names] if is_even else None,
        )

    def _cost_text(self) -> str:
        if self.cost is None:
            return "unknown, as the backend announces no prices"
        digits = f"{self.cost:,.2f}" if self.cost >= 1 or not self.cost else f"{self.cost:.3g}"
        return f"{digits} {self.currency or ''}".rstrip() + " (estimated)"


def plan_of(work: Workload, spec: BackendSpec) -> Plan:
    """Encode a workload and add up what it comes to.

    Raises:
        InvalidExperimentsError: There is no circuit, or one cannot be encoded.
        PayloadTooLargeError: A circuit is too large for the backend.
    """
    encoded = tuple(work.chunks)
    if not encoded:
        raise InvalidExperimentsError("there is nothing to run: no circuit came")
    chunks = tuple(chunk.circuits for chunk in encoded)
    circuit_count = chunks[-1].stop
    shots = circuit_count * int(work.options.get("shots") or SHOTS_BY_DEFAULT)
    currency = spec.prices.get("currency")
    return Plan(
        backend=spec.alias,
        chunks=chunks,
        shots=shots,
        encoded_bytes=sum(chunk.qpy_bytes for chunk in encoded),
        cost=_cost(spec, {"job": len(chunks), "circuit": circuit_count, "shot": shots}),
        currency=None if currency is None else str(currency),
        options=work.options,
        qpy_version=spec.qpy_version,
        _encoded=encoded,
    )


def require_nothing_again(given: Mapping[str, object]) -> None:
    """Refuse arguments that a plan has fixed already.

    Raises:
        ConfigurationError: Names those that were given.
    """
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ConfigurationError(
            f"the plan has fixed the backend, the chunks and the options already: leave out "
            f"{', '.join(names)}, or make another plan"
        )


def refuse_what_run_takes(run_config: Mapping[str, object]) -> None:
    """Refuse arguments of ``run`` that would pass for options of the backend.

    Raises:
        ConfigurationError: Names those that were given.
    """
    names = [name for name in _ARGUMENTS_OF_RUN if name in run_config]
    if names:
        raise ConfigurationError(f"give {', '.join(names)} to run(plan), not to plan")


def _cost(spec: BackendSpec, units: Mapping[str, int]) -> float | None:
    """Return the sum over all units that have a price; ``None`` when none has.

    >>> spec = BackendSpec("lab", "mine", False, 17, prices={"job": 0.25, "shot": 0.5})
    >>> _cost(spec, {"job": 3, "circuit": 30, "shot": 100})
    50.75
    """
    priced = [float(spec.prices[unit]) * n for unit, n in units.items() if unit in spec.prices]
    return math.fsum(priced) if priced else None
