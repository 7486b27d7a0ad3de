"""Counts are those of qiskit, attributes included."""

from typing import Any

import numpy as np
import pytest
from qiskit.exceptions import QiskitError
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from jobset_client.counts import counts_at


def result_of(
    data: dict[str, Any], header: dict[str, Any] | None, *, success: bool = True
) -> Result:
    experiment = ExperimentResult(
        shots=7, success=success, data=ExperimentResultData(**data), status="as it went"
    )
    if header is not None:
        experiment.header = header
    return Result(
        backend_name="b", job_id="j", success=success, results=[experiment], status="ended"
    )


@pytest.mark.parametrize(
    ("counts", "header"),
    [
        ({"0x0": 3, "0x5": 4}, {"memory_slots": 3, "creg_sizes": [["c", 3]]}),
        ({"0x0": 3, "0x5": 4}, {"memory_slots": 3, "creg_sizes": [["c", 1], ["d", 2]]}),
        ({"0x0": 3, "0x5": 4}, {"memory_slots": 3, "creg_sizes": [["c", 2]]}),
        ({"0x1f": 7}, {"memory_slots": 2, "creg_sizes": [["c", 2]]}),
        ({"0x1f": 7}, {"memory_slots": 2, "creg_sizes": [["c", 1], ["d", 1]]}),
        ({"0x5": 7}, {"memory_slots": 4}),
        ({"0x5": 7}, {"memory_slots": 4, "time_taken": 1.5}),
        ({"0x5": 7}, {"name": "without registers"}),
        ({"0x5": 7}, {}),
        ({"0x5": 7}, None),
        ({"101": 7}, {"memory_slots": 3}),
        ({5: 7}, {"memory_slots": 3}),
        ({}, {"memory_slots": 3, "creg_sizes": [["c", 3]]}),
        ({"0x" + 20 * "f": 7}, {"memory_slots": 80, "creg_sizes": [["c", 30], ["d", 50]]}),
    ],
)
def test_counts_are_those_of_qiskit(counts: dict[Any, int], header: dict[str, Any] | None) -> None:
    result = result_of({"counts": counts}, header)
    expected, found = result.get_counts(0), counts_at(result, 0)
    assert type(found) is type(expected)
    assert list(found.items()) == list(expected.items())
    assert vars(found) == vars(expected)


def test_a_statevector_stands_for_counts() -> None:
    result = result_of({"statevector": np.array([1, 0])}, {"memory_slots": 0})
    assert counts_at(result, 0) == result.get_counts(0) == {"0": 1.0}


def test_counts_that_change_leave_the_result_alone() -> None:
    result = result_of({"counts": {"0x1": 2}}, {"memory_slots": 1, "creg_sizes": [["c", 1]]})
    found = counts_at(result, 0)
    found["1"] = 5
    assert found.hex_raw is not None
    found.hex_raw["0x1"] = 6
    assert counts_at(result, 0) == {"1": 2}


@pytest.mark.parametrize("index", [0, 1])
def test_what_failed_or_is_not_there_is_an_error(index: int) -> None:
    result = result_of({"counts": {"0x1": 2}}, {"memory_slots": 1}, success=False)
    with pytest.raises(QiskitError):
        counts_at(result, index)
