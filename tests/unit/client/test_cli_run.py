from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2, qpy

from jobset_client.cli.errors import ExitCode
from tests.unit.client.cli_support import Cli
from tests.unit.client.support import ALIAS, ListSender, circuits


@pytest.fixture
def qasm(tmp_path: Path) -> Path:
    path = tmp_path / "flips.qasm"
    path.write_text(qasm2.dumps(circuits(1)[0]))
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.qpy"
    with path.open("wb") as file:
        qpy.dump(circuits(4), file)
    return path


def test_files_become_one_set_in_their_order(
    cli: Cli, sender: ListSender, qasm: Path, many: Path
) -> None:
    # When two files run together with every option
    result = cli(
        "run", str(many), str(qasm), "--backend", ALIAS, "--shots", "100", "--name", "both",
        "--tag", "a", "--tag", "b", "--chunk-size", "2", "--seed", "7",
        "--option", "memory=true", "--option", "method=statevector", "--no-wait",
    )  # fmt: skip

    # Then the set is as they say, and its id alone is on standard output
    set_id = result.stdout.strip()
    document = cli.json("show", "both", "--json")
    assert document["id"] == set_id
    assert (document["circuits"], document["chunks"], document["tags"]) == (5, 3, ["a", "b"])
    assert document["options"] == {
        "shots": 100,
        "seed_simulator": 7,
        "memory": True,
        "method": "statevector",
    }
    assert [key.index for key in sender.sent] == [0, 1, 2]
    names = [entry["name"] for entry in
             cli.json("results", "both", "--partial", "--format", "json")["results"]]  # fmt: skip
    assert names == ["c0", "c1", "c2", "c3", "flips"]


def test_a_single_file_names_the_set(cli: Cli, qasm: Path) -> None:
    document = cli.json("run", str(qasm), "--backend", ALIAS, "--no-wait", "--json")
    assert document["name"] == "flips"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--option", "novalue"],
        ["--option", "=1"],
        ["--option", "shots=1", "--shots", "2"],
        ["--option", "backend=other"],
        ["--option", "name=other"],
        ["--option", "self=5"],
        ["--option", "job_share_level=5"],
        ["--seed", "-1"],
        ["--shots", "0"],
        ["--chunk-size", "-1"],
        ["--name", ""],
        ["--tag", "two\nlines"],
        ["--option", "parameter_binds=[]"],
    ],
)
def test_wrong_arguments_send_nothing(
    cli: Cli, sender: ListSender, qasm: Path, arguments: list[str]
) -> None:
    cli("run", str(qasm), "--backend", ALIAS, "--no-wait", *arguments, code=ExitCode.USAGE)
    assert sender.sent == []


def test_an_unknown_backend_is_not_found(cli: Cli, qasm: Path) -> None:
    result = cli("run", str(qasm), "--backend", "nowhere", code=ExitCode.NOT_FOUND)
    assert ALIAS in result.stderr


def test_a_broker_that_is_away_is_unavailable(cli: Cli, sender: ListSender, qasm: Path) -> None:
    sender.fails_after = 0
    cli("run", str(qasm), "--backend", ALIAS, code=ExitCode.UNAVAILABLE)


def test_circuits_that_measure_nothing_are_pointed_out(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "blind.qasm"
    blind = QuantumCircuit(1)
    blind.h(0)
    path.write_text(qasm2.dumps(blind))
    result = cli("run", str(path), "--backend", ALIAS, "--no-wait")
    assert "'blind', cannot have counts" in result.stderr
