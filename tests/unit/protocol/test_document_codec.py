"""Documents: what comes back equal, what comes back plain, and what is refused."""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.quantum_info import (
    Clifford,
    DensityMatrix,
    Operator,
    StabilizerState,
    Statevector,
    SuperOp,
)

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.document import decode_document, encode_document
from jobset_protocol.codecs.extensions import ExtensionCode
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.errors import CodecError, PayloadTooLargeError


def round_trip(value: Any) -> Any:
    return decode_document(encode_document(value))


def decode_raw(packed: bytes) -> Any:
    """Decode msgpack bytes that no encoder of ours wrote."""
    return decode_document(frame.pack(CodecId.DOCUMENT, 1, packed))


def extension(code: int, data: bytes) -> bytes:
    packed: bytes = msgpack.packb(msgpack.ExtType(code, data))
    return packed


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.sampled_from(JobStatus)
)
keys = st.text() | st.integers() | st.tuples(st.integers(), st.text())
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


class Colour(Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    YES = "yes"


@settings(deadline=None, max_examples=20)
@given(documents)
def test_documents_come_back_equal(value: Any) -> None:
    decoded = round_trip(value)
    assert decoded == value
    assert type(decoded) is type(value)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_value_or_a_codec_error(data: bytes) -> None:
    for blob in (data, frame.pack(CodecId.DOCUMENT, 1, data)):
        try:
            decode_document(blob)
        except CodecError:
            continue


@settings(deadline=None)
@given(st.sampled_from(list(ExtensionCode)), st.binary(max_size=60))
def test_damaged_extensions_give_a_value_or_a_codec_error(code: int, data: bytes) -> None:
    try:
        decode_raw(extension(code, data))
    except CodecError:
        return


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.complex64(1 + 2j), 1 + 2j),
        (np.bool_(True), True),
        (np.str_("0x1"), "0x1"),
        (np.bytes_(b"ab"), b"ab"),
        (Colour.RED, "red"),
        (Colour.PAIR, "PAIR"),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (bytearray(b"ab"), b"ab"),
    ],
)
def test_values_with_a_plain_counterpart_come_back_plain(value: Any, plain: Any) -> None:
    decoded = round_trip({"value": value})["value"]
    assert decoded == plain
    assert type(decoded) is type(plain)


def test_a_job_status_stays_one() -> None:
    assert round_trip(JobStatus.DONE) is JobStatus.DONE


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901),  # noqa: DTZ001 -- a naive one is the case
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    ],
)
def test_datetimes_keep_their_offset_or_their_lack_of_one(moment: datetime) -> None:
    decoded = round_trip(moment)
    assert decoded == moment
    assert decoded.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.arange(6.0).reshape(2, 3).T,
        np.array([1 + 2j, np.nan, np.inf]),
        np.array(3.5),
        np.empty((0, 4)),
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bc"]),
        np.array([1, 2], dtype=">u4"),
        np.array([0.5], dtype=np.float16),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_keep_dtype_shape_and_values(array: NDArray[Any]) -> None:
    decoded = round_trip([array])[0]
    np.testing.assert_array_equal(decoded, array)
    assert decoded.dtype == array.dtype
    assert decoded.flags.writeable


@pytest.mark.parametrize(
    "value",
    [
        Statevector(np.array([0.6, 0, 0, 0.8j, 0, 0]), dims=(2, 3)),
        DensityMatrix(np.diag([0.25, 0.75])),
        Operator(np.array([[0, 1, 0, 0], [1j, 0, 0, 0]]), input_dims=(2, 2), output_dims=(2,)),
        SuperOp(np.eye(4)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_states_and_operators_come_back_exactly(value: Any) -> None:
    decoded = round_trip(value)
    assert type(decoded) is type(value)
    assert decoded == value
    np.testing.assert_array_equal(decoded.data, value.data)


def test_stabilizers_come_back_exactly() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    clifford = Clifford(circuit)
    assert round_trip(clifford) == clifford
    assert round_trip(StabilizerState(clifford)) == StabilizerState(clifford)


class NoiseModel:
    pass


loop: list[Any] = []
loop.append(loop)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"options": {"noise": NoiseModel()}}, r"at \['options'\]\['noise'\]: .*NoiseModel"),
        ({"seeds": [1, {2, 3}]}, r"at \['seeds'\]\[1\]: builtins.set"),
        ({frozenset(): 1}, r"at \.keys\(\)\[frozenset\(\)\]: builtins.frozenset"),
        ([1, ("a", "\ud800")], r"at \[1\]\[1\]: .*surrogates"),
        (NoiseModel(), r"the value: .*NoiseModel"),
        ({"a": np.array([None])}, r"at \['a'\]: an array of object"),
        ({"a": np.zeros(2, dtype="i4,f8")}, r"at \['a'\]: an array of"),
        ({"a": np.array(["2026"], "M8[s]")}, r"at \['a'\]: an array of datetime64"),
        ({"a": np.ma.masked_array([1, 2], [False, True])}, r"at \['a'\]: .*MaskedArray"),
        ([np.longdouble(1)], r"at \[0\]: numpy.*cannot be stored"),
        ([np.datetime64("2026")], r"at \[0\]: numpy.datetime64"),
        (loop, "recursion"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_what_cannot_be_stored_is_named_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        encode_document(value)


def test_tuples_nest_only_so_deep_either_way() -> None:
    value: Any = ()
    for _ in range(15):
        value = (value,)
    assert round_trip(value) == value
    with pytest.raises(CodecError, match="more than 16 tuples"):
        encode_document(((value,),))


def test_a_blob_cannot_nest_tuples_deeper_than_the_stack() -> None:
    packed = msgpack.packb([])
    for _ in range(3000):
        packed = msgpack.packb([msgpack.ExtType(ExtensionCode.TUPLE, packed)])
    with pytest.raises(CodecError, match="more than 16 tuples"):
        decode_raw(packed)


@pytest.mark.parametrize(
    "packed",
    [
        b"\xdd\xff\xff\xff\xff\x01",  # a list of 4 billion values
        b"\xdf\xff\xff\xff\xff\x01\x01",  # a map of 4 billion values
        b"\xc6\xff\xff\xff\xffab",  # 4 GB of bytes
        b"\xc1",
        b"\x91" * 5000,
        b"\x01\x02",
        b"\xa1\xff",
        b"\x81\x90\x01",  # a list as a key
        extension(99, b""),
        extension(ExtensionCode.JOB_STATUS, b"DOING"),
        extension(ExtensionCode.COMPLEX, b"short"),
        extension(ExtensionCode.DATETIME, b"yesterday"),
    ],
)
def test_malformed_documents_are_refused(packed: bytes) -> None:
    with pytest.raises(CodecError):
        decode_raw(packed)


@pytest.mark.parametrize(
    ("dtype", "shape", "data"),
    [
        ("|O", (1,), bytes(8)),
        ("i4,O", (1,), bytes(12)),
        ("<U0", (2**60,), b""),
        ("<f8", (2**40,), bytes(8)),
        ("<f8", (-1,), bytes(8)),
        ("<f8", "x", bytes(8)),
        ("nonsense", (1,), bytes(8)),
        (7, (1,), bytes(8)),
    ],
)
def test_arrays_that_lie_are_refused(dtype: Any, shape: Any, data: bytes) -> None:
    header = msgpack.packb((dtype, shape))
    packed = extension(ExtensionCode.ARRAY, len(header).to_bytes(2, "little") + header + data)
    with pytest.raises(CodecError, match="array"):
        decode_raw(packed)


def test_a_document_above_its_cap_is_refused() -> None:
    blob = encode_document(["x" * 1000])
    with pytest.raises(PayloadTooLargeError):
        decode_document(blob, max_bytes=1000)
