import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset_client.chunking import ChunkPlan, plan_chunks
from jobset_protocol.errors import CircuitNotFoundError, ConfigurationError
from tests.unit.client.support import backend

counts = st.integers(1, 2_000)
sizes = st.integers(1, 3_000)


@given(counts, sizes)
def test_chunks_cover_the_set_once_and_in_order(circuit_count: int, chunk_size: int) -> None:
    plan = ChunkPlan(circuit_count, chunk_size)
    assert [index for chunk in plan for index in chunk] == list(range(circuit_count))
    assert len(list(plan)) == len(plan)
    assert {len(chunk) for chunk in list(plan)[:-1]} <= {chunk_size}


@given(counts, sizes, st.data())
def test_locate_is_the_inverse_of_the_split(
    circuit_count: int, chunk_size: int, data: st.DataObject
) -> None:
    plan = ChunkPlan(circuit_count, chunk_size)
    circuit = data.draw(st.integers(0, circuit_count - 1))
    chunk_index, offset = plan.locate(circuit)
    assert plan[chunk_index][offset] == circuit


@pytest.mark.parametrize("circuit", [-1, 10, 11])
def test_locate_refuses_what_is_outside(circuit: int) -> None:
    with pytest.raises(CircuitNotFoundError, match=str(circuit)):
        ChunkPlan(10, 3).locate(circuit)


@pytest.mark.parametrize(("circuit_count", "chunk_size"), [(0, 1), (1, 0), (1, -1)])
def test_a_plan_needs_circuits_and_room(circuit_count: int, chunk_size: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        ChunkPlan(circuit_count, chunk_size)


def test_a_plan_refuses_too_many_chunks() -> None:
    with pytest.raises(ConfigurationError, match="raise max_experiments_per_job"):
        ChunkPlan(1_000_001, 1)


def test_no_chunk_behind_the_last() -> None:
    with pytest.raises(IndexError):
        ChunkPlan(10, 3)[4]


@given(counts, st.none() | sizes, st.none() | sizes)
def test_the_wish_and_the_backend_limit_both_hold(
    circuit_count: int, wish: int | None, limit: int | None
) -> None:
    plan = plan_chunks(circuit_count, backend(max_circuits=limit), wish)
    assert plan.chunk_size <= min(wish or plan.chunk_size, limit or plan.chunk_size)
    if wish is not None and (limit is None or wish <= limit):
        assert plan.chunk_size == wish
    if wish is None and limit is not None:
        assert plan.chunk_size == limit
