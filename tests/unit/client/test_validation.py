from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

from jobset_client import validation
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
)
from tests.unit.client.support import backend, circuits


def test_a_single_circuit_is_a_list_of_one() -> None:
    circuit = QuantumCircuit(1)
    assert validation.experiments_list(circuit) == [circuit]


def test_any_iterable_of_circuits_will_do() -> None:
    made = circuits(3)
    assert validation.experiments_list(iter(made)) == made


@pytest.mark.parametrize("experiments", [[], (), None, 3, "abc", {"a": QuantumCircuit(1)}])
def test_refuses_what_is_no_list_of_circuits(experiments: object) -> None:
    with pytest.raises(InvalidExperimentsError):
        validation.experiments_list(experiments)


def test_names_the_index_and_type_of_what_is_no_circuit() -> None:
    with pytest.raises(InvalidExperimentsError, match=r"experiments\[1\] is a str"):
        validation.experiments_list([QuantumCircuit(1), "x"])


def test_refuses_a_circuit_wider_than_the_backend() -> None:
    made = [QuantumCircuit(2), QuantumCircuit(6, name="wide")]
    with pytest.raises(InvalidExperimentsError, match=r"experiments\[1\] \('wide'\) has 6 qubits"):
        validation.require_fit(made, backend(num_qubits=5))


@pytest.mark.parametrize("size", [-1, 0, True, False, 2.0, "2", np.int64(0), [3]])
def test_refuses_bad_chunk_sizes(size: object) -> None:
    with pytest.raises(ConfigurationError, match="max_experiments_per_job"):
        validation.chunk_size(size)


def test_accepts_integers_of_any_kind_as_chunk_size() -> None:
    assert validation.chunk_size(np.int64(5)) == 5
    assert validation.chunk_size(None) is None


@pytest.mark.parametrize(
    "text", ["", "  ", 3, None, b"x", "a\nb", "a\x00", "\ud800", "a\u2028b", "x" * 201]
)
def test_refuses_labels_that_would_break_a_report(text: object) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        validation.label("name", text)


@pytest.mark.parametrize("text", ["ghz", "a b_1_", "Größe µ 量子 👩‍🔬", "x" * 200])
def test_accepts_other_labels(text: str) -> None:
    assert validation.label("name", text) == text


@pytest.mark.parametrize("job_tags", ["calibration", 3, {"a": 1}, ["ok", ""], [None]])
def test_refuses_bad_tags(job_tags: object) -> None:
    with pytest.raises(ConfigurationError, match="job_tags"):
        validation.tags(job_tags)


def test_keeps_each_tag_once() -> None:
    assert validation.tags(["b", "a", "b"]) == ("b", "a")
    assert validation.tags(None) == ()


def test_refuses_a_share_level_that_is_no_string() -> None:
    validation.share_level("global")
    validation.share_level(None)
    with pytest.raises(ConfigurationError, match="job_share_level"):
        validation.share_level(3)


def test_numpy_values_travel_as_plain_ones() -> None:
    options = validation.run_options(
        {"shots": np.int64(5), "memory": np.bool_(True), "level": {"a": [np.float64(0.5)]}},
        backend(),
    )
    assert options == {"shots": 5, "memory": True, "level": {"a": [0.5]}}
    assert type(options["shots"]) is int
    assert type(options["memory"]) is bool


@pytest.mark.parametrize("value", [object(), lambda: 1, QuantumCircuit(1), {1, 2} - {1, 2}])
def test_names_the_option_that_cannot_travel(value: Any) -> None:
    with pytest.raises(InvalidOptionsError, match="'noise_model'"):
        validation.run_options({"shots": 1, "noise_model": value}, backend())


@pytest.mark.parametrize("shots", [0, -1, True, 1.5, "100"])
def test_refuses_bad_shots(shots: object) -> None:
    with pytest.raises(InvalidOptionsError, match="shots"):
        validation.run_options({"shots": shots}, backend())


def test_refuses_more_shots_than_the_backend_allows() -> None:
    assert validation.run_options({"shots": 100}, backend(max_shots=100)) == {"shots": 100}
    with pytest.raises(InvalidOptionsError, match=r"shots=101 .*\(100\)"):
        validation.run_options({"shots": 101}, backend(max_shots=100))


def test_refuses_options_that_hold_themselves() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidOptionsError, match="'layout'"):
        validation.run_options({"layout": endless}, backend())


def test_refuses_options_with_tuples_as_keys() -> None:
    with pytest.raises(InvalidOptionsError, match="'layout'"):
        validation.run_options({"layout": {(0, 1): 2}}, backend())


@pytest.mark.parametrize("seed", ["abc", "5", -1, np.int64(-1), 1.5, True, [1]])
def test_refuses_bad_seeds(seed: object) -> None:
    with pytest.raises(InvalidOptionsError, match="seed_simulator"):
        validation.run_options({"seed_simulator": seed}, backend())


@pytest.mark.parametrize("seed", [None, 0, 7, np.uint32(7), np.int64(0)])
def test_accepts_seeds_of_any_integer_kind(seed: object) -> None:
    assert validation.run_options({"seed_simulator": seed}, backend()) == {"seed_simulator": seed}


def test_caps_the_number_of_tags() -> None:
    most = [f"tag{number}" for number in range(100)]
    assert validation.tags([*most, "tag0"]) == tuple(most)
    with pytest.raises(ConfigurationError, match="101 tags; at most 100"):
        validation.tags([*most, "one more"])
