"""Find a circuit of a set: by index, by name, or by the circuit itself."""

import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import SupportsIndex, TypeAlias

from qiskit import QuantumCircuit

from jobset_protocol.errors import AmbiguousNameError, CircuitNotFoundError

Experiment: TypeAlias = QuantumCircuit | str | SupportsIndex
"""What stands for one circuit: its index (of any integer type), its name, or itself."""
_SHOWN_INDICES = 10


class ExperimentIndex:
    """Turns what a user calls an experiment into a circuit index, in constant time.

    Args:
        count: Circuits in the set.
        load_names: Returns the circuits' names, in order; called at the first look-up by name.

    >>> index = ExperimentIndex(3, lambda: ["a", "b", "b"])
    >>> index.resolve("a"), index.resolve(-1)
    (0, 2)
    """

    def __init__(self, count: int, load_names: Callable[[], Sequence[str]]) -> None:
        self._count = count
        self._load_names = load_names

    @cached_property
    def names(self) -> Sequence[str]:
        """The circuits' names, in the order of the set."""
        return self._load_names()

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            found.setdefault(name, []).append(index)
        return found

    def resolve(self, experiment: Experiment) -> int:
        """Return the index, from 0, of one circuit.

        Args:
            experiment: An index, negative ones counting from the end; a name; or a circuit,
                which is looked up by its name.

        Raises:
            CircuitNotFoundError: The set has no such circuit.
            AmbiguousNameError: Several circuits have the name.
        """
        if isinstance(experiment, QuantumCircuit):
            return self._resolve_name(experiment.name)
        if isinstance(experiment, str):
            return self._resolve_name(experiment)
        if isinstance(experiment, bool) or not hasattr(experiment, "__index__"):
            raise CircuitNotFoundError(
                "an experiment is an index, a circuit's name or a circuit, not a "
                f"{type(experiment).__name__}"
            )
        try:
            position = operator.index(experiment)
        except TypeError as error:
            raise CircuitNotFoundError(f"an experiment is one index: {error}") from error
        return self._resolve_position(position)

    def _resolve_position(self, position: int) -> int:
        if not -self._count <= position < self._count:
            raise CircuitNotFoundError(
                f"no circuit {position}: the job set holds {self._count}, numbered from 0 to "
                f"{self._count - 1}"
            )
        return position % self._count

    def _resolve_name(self, name: str) -> int:
        indices = self._by_name.get(name)
        if indices is None:
            raise CircuitNotFoundError(f"no circuit of the job set is named {name!r}")
        if len(indices) > 1:
            shown = ", ".join(map(str, indices[:_SHOWN_INDICES]))
            more = ", …" if len(indices) > _SHOWN_INDICES else ""
            raise AmbiguousNameError(
                f"{len(indices)} circuits are named {name!r}: use an index ({shown}{more})"
            )
        return indices[0]
