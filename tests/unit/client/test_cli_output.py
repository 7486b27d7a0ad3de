import json
import math
from typing import Any

import pytest

from jobset_client import JobManager
from jobset_client.cli.output import print_json
from tests.unit.client.cli_support import Cli
from tests.unit.client.support import ALIAS, circuits


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def test_what_json_cannot_say_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.nan, {"b": (math.inf, 1.5)}], 2: -math.inf})
    document = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert document == {"a": [None, {"b": [None, 1.5]}], "2": None}


def test_a_set_with_such_options_is_still_json(cli: Cli, manager: JobManager) -> None:
    manager.run(circuits(1), ALIAS, name="odd", threshold=math.nan)
    document = json.loads(cli("show", "odd", "--json").stdout, parse_constant=refuse)
    assert document["options"] == {"threshold": None}


def test_options_that_are_bytes_are_shown_by_their_size(cli: Cli, manager: JobManager) -> None:
    manager.run(circuits(1), ALIAS, name="noisy", noise_model=bytes(2000))

    document = json.loads(cli("show", "noisy", "--json").stdout)

    assert document["options"] == {"noise_model": "2,000 bytes"}
    assert "noise_model='2,000 bytes'" in cli("show", "noisy").stdout
