import math
from typing import Any

import numpy as np
import pytest
from qiskit.result import Result

from jobset_client.combined_result import combined_result


def combined(*values: Any) -> dict[str, Any]:
    """Put chunks together whose metadata hold one value each; returns what all agree on."""
    chunks = [
        Result(results=[], success=True, metadata={"value": value, "same": 1}) for value in values
    ]
    metadata = combined_result(chunks, job_id="j", backend_name="b").metadata
    assert isinstance(metadata, dict)
    return metadata


LONG = np.arange(5000.0)
OTHER = np.where(np.arange(5000) == 2500, -1.0, LONG)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, OTHER),  # numpy writes both alike
        ({"a": [LONG]}, {"a": [OTHER]}),
        (np.zeros(2), np.zeros(2, dtype=np.int64)),
        (np.zeros(2), [0.0, 0.0]),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        (1, True),
        (math.nan, 1.0),
        (1.0, math.nan),
    ],
)
def test_what_differs_is_left_out(one: Any, other: Any) -> None:
    assert combined(one, other) == {"same": 1}


@pytest.mark.parametrize(
    "value",
    [LONG, np.array([math.nan]), np.array(["a"]), {"b": 1, "a": [LONG]}, math.nan, "x", None],
)
def test_what_agrees_is_kept(value: Any) -> None:
    again = value.copy() if isinstance(value, np.ndarray | dict) else value
    assert combined(value, again, again)["value"] is value
