import numpy as np
import pytest
from qiskit import QuantumCircuit

from jobset_client.experiment_index import Experiment, ExperimentIndex
from jobset_protocol.errors import AmbiguousNameError, CircuitNotFoundError

NAMES = ["a", "b", "c", "b"]


@pytest.fixture
def index() -> ExperimentIndex:
    return ExperimentIndex(len(NAMES), lambda: NAMES)


@pytest.mark.parametrize(
    ("experiment", "found"),
    [(0, 0), (3, 3), (-1, 3), (-4, 0), (np.int64(2), 2), (np.uint8(1), 1), ("a", 0), ("c", 2)],
)
def test_finds_circuits_by_index_and_name(
    index: ExperimentIndex, experiment: Experiment, found: int
) -> None:
    assert index.resolve(experiment) == found


def test_finds_a_circuit_by_itself(index: ExperimentIndex) -> None:
    assert index.resolve(QuantumCircuit(1, name="c")) == 2


@pytest.mark.parametrize(
    "experiment", [4, -5, np.int64(4), np.array([1, 2]), "d", "", 1.0, True, None, ["a"]]
)
def test_refuses_what_is_not_there(index: ExperimentIndex, experiment: Experiment) -> None:
    with pytest.raises(CircuitNotFoundError):
        index.resolve(experiment)


def test_a_name_of_several_circuits_lists_their_indices(index: ExperimentIndex) -> None:
    with pytest.raises(AmbiguousNameError, match=r"2 circuits are named 'b': .*1, 3"):
        index.resolve("b")


def test_names_are_loaded_once_and_only_for_names() -> None:
    loads: list[int] = []

    def load() -> list[str]:
        loads.append(1)
        return NAMES

    index = ExperimentIndex(len(NAMES), load)
    index.resolve(1)
    assert not loads
    index.resolve("a")
    index.resolve("c")
    assert len(loads) == 1
