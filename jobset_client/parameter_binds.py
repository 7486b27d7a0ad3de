"""Circuits with parameters, run for lists of values: ``parameter_binds`` as Aer takes them.

Aer runs a circuit once for each of its values.  In a job set one circuit is one experiment, so
the values are bound here: the set then holds what Aer's result would hold, in the same order and
under the same names, and each circuit has the seed that Aer gives to that run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError

from jobset_protocol.errors import InvalidOptionsError

_SHOWN_PARAMETERS = 5


def expand(circuits: Sequence[QuantumCircuit], parameter_binds: object) -> list[QuantumCircuit]:
    """Return one bound circuit for each run that ``parameter_binds`` asks for.

    Args:
        circuits: Are not changed.
        parameter_binds: One mapping a circuit, from each of its parameters to its values, all
            lists of a mapping having the same length; ``{}`` for a circuit without parameters.
            ``None`` and an empty list mean that nothing is to be bound, as in Aer.

    Returns:
        The circuits in order, those with parameters once for each of their values, with the name
        and the metadata of the original.

    Raises:
        InvalidOptionsError: It does not fit the circuits; names the circuit.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> angle, circuit = Parameter("angle"), QuantumCircuit(1, name="turn")
    >>> _ = circuit.rx(angle, 0)
    >>> [bound.name for bound in expand([circuit], [{angle: [0.1, 0.2]}])]
    ['turn', 'turn']
    """
    if parameter_binds is None or (isinstance(parameter_binds, list) and not parameter_binds):
        return list(circuits)
    if isinstance(parameter_binds, str | Mapping) or not isinstance(parameter_binds, Iterable):
        raise InvalidOptionsError(
            "parameter_binds must be a list with one mapping a circuit, not a "
            f"{type(parameter_binds).__name__}"
        )
    all_binds = list(parameter_binds)
    if len(all_binds) != len(circuits):
        raise InvalidOptionsError(
            f"parameter_binds holds {len(all_binds)} mappings for {len(circuits)} circuits: give "
            "one for each, {} for a circuit without parameters"
        )
    return [
        bound
        for index, (circuit, binds) in enumerate(zip(circuits, all_binds, strict=True))
        for bound in _bound(circuit, binds, f"parameter_binds[{index}] ({circuit.name!r})")
    ]


def _bound(circuit: QuantumCircuit, binds: object, where: str) -> list[QuantumCircuit]:
    if not isinstance(binds, Mapping):
        raise InvalidOptionsError(f"{where} must be a mapping, not a {type(binds).__name__}")
    parameters = list(circuit.parameters)
    if not parameters:
        return [circuit]
    missing = [parameter.name for parameter in parameters if parameter not in binds]
    if missing:
        shown = ", ".join(missing[:_SHOWN_PARAMETERS])
        raise InvalidOptionsError(f"{where} has no values for {len(missing)} parameters: {shown}")
    columns = [_values(binds[parameter], parameter, where) for parameter in parameters]
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise InvalidOptionsError(f"{where}: its lists have different lengths: {lengths}")
    return [_one(circuit, parameters, row, where) for row in zip(*columns, strict=True)]


def _values(values: Any, parameter: Parameter, where: str) -> list[float]:
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InvalidOptionsError(
            f"{where}: the values of {parameter.name} must be a list of real numbers: {error}"
        ) from error
    if not found:
        raise InvalidOptionsError(f"{where}: there are no values for {parameter.name}")
    return found


def _one(
    circuit: QuantumCircuit, parameters: Sequence[Parameter], row: Sequence[float], where: str
) -> QuantumCircuit:
    try:
        bound = circuit.assign_parameters(dict(zip(parameters, row, strict=True)))
    except (QiskitError, ValueError, ZeroDivisionError) as error:
        raise InvalidOptionsError(f"{where} cannot be bound to {list(row)}: {error}") from error
    # It gives every copy a name of its own.
    bound.name = circuit.name
    return bound
