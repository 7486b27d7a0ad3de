"""Every circuit is in exactly one chunk, whatever sizes chunks have and whichever were halved."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset_client.layout import ChunkLayout
from jobset_protocol.errors import CircuitNotFoundError
from jobset_protocol.messages import Part, SetRecord

UNIFORM = SetRecord("5f" * 16, "a", "aer", "me", circuit_count=10, chunk_size=4)


def halved(record: SetRecord, parent: int) -> SetRecord:
    """Do to a record what halving a chunk does to its set."""
    circuits = record.circuits_of(parent)
    middle = circuits.start + len(circuits) // 2
    halves = (range(circuits.start, middle), range(middle, circuits.stop))
    source, first = record.source_of(parent), record.chunk_count
    parts = {
        first + number: Part(half.start, half.stop, parent, source)
        for number, half in enumerate(halves)
    }
    ranges = None if record.ranges is None else (*record.ranges, *halves)
    return replace(record, parts={**record.parts, **parts}, ranges=ranges)


@st.composite
def records(draw: st.DrawFn) -> SetRecord:
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    if draw(st.booleans()):
        record = replace(UNIFORM, circuit_count=sum(sizes), chunk_size=sizes[0])
    else:
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        ranges = tuple(range(at, at + size) for at, size in zip(starts, sizes, strict=True))
        record = replace(UNIFORM, circuit_count=sum(sizes), ranges=ranges)
    for choice in draw(st.lists(st.integers(0, 1000), max_size=6)):
        layout = ChunkLayout(record)
        wide = [index for index, circuits in layout if len(circuits) > 1]
        if wide:
            record = halved(record, wide[choice % len(wide)])
    return record


@given(records())
def test_chunks_are_a_partition_in_the_order_of_circuits(record: SetRecord) -> None:
    layout = ChunkLayout(record)
    in_order = [circuit for _, circuits in layout for circuit in circuits]
    assert in_order == list(range(record.circuit_count))
    assert len(layout) == len(layout.indices) == len(set(layout.indices))


@given(records())
def test_every_circuit_is_located_in_its_chunk(record: SetRecord) -> None:
    layout = ChunkLayout(record)
    for circuit in range(record.circuit_count):
        chunk_index, offset = layout.locate(circuit)
        assert chunk_index in layout.indices
        assert layout.circuits_of(chunk_index)[offset] == circuit


@given(records())
def test_a_parts_circuits_are_within_those_of_its_source(record: SetRecord) -> None:
    for index, part in record.parts.items():
        source = record.circuits_of(part.source)
        assert part.source not in record.parts
        assert source.start <= part.start < part.stop <= source.stop
        assert record.source_of(index) == part.source


@pytest.mark.parametrize("circuit", [-1, 10])
@pytest.mark.parametrize("record", [UNIFORM, halved(UNIFORM, 0)])
def test_what_is_outside_is_not_found(record: SetRecord, circuit: int) -> None:
    with pytest.raises(CircuitNotFoundError, match="in a job set of 10"):
        ChunkLayout(record).locate(circuit)
