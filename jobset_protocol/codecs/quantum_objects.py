"""States and operators of ``qiskit.quantum_info``, as Aer puts them into results.

They come back as qiskit's own classes, so that ``get_statevector()`` on a stored result answers
as on the original one.  Aer's subclasses of them become the qiskit class, to which they are
equal; a client needs no Aer.
"""

from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import (
    Clifford,
    DensityMatrix,
    Operator,
    StabilizerState,
    Statevector,
    SuperOp,
)

from jobset_protocol.codecs.arrays import pack_array, unpack_array
from jobset_protocol.errors import CodecError

QUANTUM_TYPES = (Statevector, DensityMatrix, Operator, SuperOp, Clifford, StabilizerState)
_STATES = {"Statevector": Statevector, "DensityMatrix": DensityMatrix}
_OPERATORS = {"Operator": Operator, "SuperOp": SuperOp}


def pack_quantum_object(value: Any) -> bytes:
    """Write one of :data:`QUANTUM_TYPES`: its class's name, its dimensions, its array."""
    name = next(base.__name__ for base in QUANTUM_TYPES if isinstance(value, base))
    dims: tuple[tuple[int, ...], ...] = ()
    if name in _STATES:
        dims, array = (value.dims(),), value.data
    elif name in _OPERATORS:
        dims, array = (value.input_dims(), value.output_dims()), value.data
    else:
        array = (value.clifford if name == "StabilizerState" else value).tableau
    packed: bytes = msgpack.packb((name, dims, pack_array(np.asarray(array))))
    return packed


def unpack_quantum_object(data: bytes) -> Any:
    """Read what :func:`pack_quantum_object` wrote.

    Raises:
        CodecError: It is damaged, or names a class that is not ours.
    """
    try:
        name, dims, array_bytes = msgpack.unpackb(data, use_list=False)
        return _build(name, dims, unpack_array(array_bytes))
    except (QiskitError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"a stored state or operator is damaged: {error}") from error


def _build(name: object, dims: Any, array: NDArray[Any]) -> Any:
    if name in _STATES:
        return _STATES[str(name)](array, dims=dims[0])
    if name in _OPERATORS:
        return _OPERATORS[str(name)](array, input_dims=dims[0], output_dims=dims[1])
    if name == "Clifford":
        return Clifford(array)
    if name == "StabilizerState":
        return StabilizerState(Clifford(array))
    raise CodecError(f"{str(name)[:80]!r} is not a state or operator that is stored")
