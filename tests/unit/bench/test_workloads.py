import pytest

from jobset_bench.workloads import QUICK, Sizes, WorkloadName, build

SIZES = Sizes(circuits=25, chunk_size=10, sent_chunks=4)


def test_the_same_sizes_give_the_same_circuits() -> None:
    assert build(WorkloadName.AER, SIZES).circuits == build(WorkloadName.AER, SIZES).circuits


def test_chunks_cover_the_circuits_in_order() -> None:
    workload = build(WorkloadName.INSTANT, SIZES)

    chunks = [workload.chunk(start) for start in workload.starts]

    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert [circuit for chunk in chunks for circuit in chunk] == list(workload.circuits)


def test_what_is_sent_is_one_circuit_a_chunk() -> None:
    workload = build(WorkloadName.ENQUEUE, SIZES)

    assert (len(workload.starts), workload.chunk_size) == (4, 1)


def test_a_head_keeps_chunks_and_seeds() -> None:
    workload = build(WorkloadName.AER, SIZES)

    head = workload.head(2)

    assert head.chunk(10) == workload.chunk(10)
    assert head.chunk_seed(10) == workload.chunk_seed(10)
    assert len(head.starts) == 2


@pytest.mark.parametrize("name", list(WorkloadName))
def test_circuits_have_five_measured_qubits_and_only_aers_own_gates(name: WorkloadName) -> None:
    for circuit in build(name, SIZES).circuits:
        assert (circuit.num_qubits, circuit.num_clbits) == (5, 5)
        assert set(circuit.count_ops()) <= {"u", "cx", "measure", "barrier"}


def test_the_quick_sizes_are_small() -> None:
    assert QUICK.circuits <= 200
    assert QUICK.sent_chunks <= 1_000
