"""Shot memory: every list of outcomes comes back, in few bytes."""

import random

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.registry import CodecId
from jobset_protocol.codecs.shot_memory import pack_shot_memory, unpack_shot_memory
from jobset_protocol.errors import CodecError


def random_memory(shots: int, width_bits: int) -> list[str]:
    generator = random.Random(7)
    return [hex(generator.getrandbits(width_bits)) for _ in range(shots)]


@settings(deadline=None)
@given(st.lists(st.text(max_size=5)))
def test_few_outcomes_come_back_whatever_their_text(memory: list[str]) -> None:
    packed = pack_shot_memory(memory)
    assert packed is not None
    assert unpack_shot_memory(packed) == memory


@pytest.mark.parametrize("width_bits", [9, 15, 16, 17, 64, 127])
@pytest.mark.parametrize("shots", [600, 1001])
def test_many_outcomes_come_back_in_as_many_bits_as_they_have(shots: int, width_bits: int) -> None:
    memory = random_memory(shots, width_bits)
    packed = pack_shot_memory(memory)
    assert packed is not None
    assert unpack_shot_memory(packed) == memory
    assert len(packed) <= shots * width_bits / 8 + 16


def test_few_outcomes_take_no_more_bits_than_the_register_has() -> None:
    packed = pack_shot_memory(random_memory(4096, 5))
    assert packed is not None
    assert len(frame.pack(CodecId.RESULT, 1, packed)) < 4096 * 5 / 8 * 1.1


@pytest.mark.parametrize(
    "memory",
    [
        [[0.1, 0.2]],
        [1, 2],
        ["0x0", 1],
        "0x0",
        None,
        [f"{index:04d}" for index in range(300)],
        [hex(-index) for index in range(300)],
        [f"outcome {index}" for index in range(300)],
    ],
    ids=lambda memory: str(memory)[:20],
)
def test_what_is_no_plain_memory_is_left_alone(memory: object) -> None:
    assert pack_shot_memory(memory) is None


@pytest.mark.parametrize(
    "fields",
    [
        None,
        7,
        [],
        ["0x0"],
        [["0x0"], b"\x01"],
        [["0x0"], 5],
        [10, 1, b"\x00\x00"],  # one bit a shot: small blob, many strings
        [10, 0, b""],
        [10, 9, b"short"],
        [-10, 9, b""],
        [10, 1 << 40, b""],
        [10, 9, "text"],
        [1, 2, 3, 4],
    ],
)
def test_damaged_memory_is_a_codec_error(fields: object) -> None:
    with pytest.raises(CodecError):
        unpack_shot_memory(msgpack.packb(fields))
