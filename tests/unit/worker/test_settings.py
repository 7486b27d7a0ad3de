"""The TOML file of backends: what it may say, and what it is told when it is wrong."""

from pathlib import Path

import pytest

from jobset_protocol.errors import ConfigurationError
from worker.settings import load_backends


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "backends.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_aer_and_fake_are_there_by_default() -> None:
    assert sorted(load_backends(None)) == ["aer", "fake"]


def test_a_table_is_ours_and_the_adapters(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[backends.torino]\nprovider = "ibm"\nmax_pending = 3\nbackend = "ibm_torino"\n',
    )
    torino = load_backends(path)["torino"]
    assert (torino.provider, torino.max_pending) == ("ibm", 3)
    assert torino.options == {"backend": "ibm_torino"}


def test_limits_and_prices_are_ours(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[backends.torino]\nprovider = "ibm"\nmax_bytes = 5000\nmax_executions = 90\n'
        'prices = { job = 0.3, shot = 1, currency = "USD" }\n',
    )
    torino = load_backends(path)["torino"]
    assert (torino.max_bytes, torino.max_executions, torino.options) == (5000, 90, {})
    assert torino.prices is not None
    assert (torino.prices.job, torino.prices.circuit, torino.prices.shot) == (0.3, None, 1.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_bytes = 0", "torino: max_bytes: .*greater than"),
        ("max_executions = -1", "torino: max_executions: .*greater than"),
        ('max_bytes = "big"', "torino: max_bytes: .*integer"),
        ("prices = 3", "torino: prices: "),
        ("prices = { job = 1 }", "torino: prices.currency: Field required"),
        ('prices = { currency = "USD" }', "torino: prices: .*name a price: job, circuit or shot"),
        ('prices = { job = -1, currency = "USD" }', "torino: prices.job: .*greater than"),
        ('prices = { job = inf, currency = "USD" }', "torino: prices.job: .*finite"),
        ('prices = { hour = 1, currency = "USD" }', "torino: prices.hour: Extra inputs"),
        ('prices = { job = 1, currency = "U\\u001b" }', "torino: prices.currency: .*pattern"),
    ],
)
def test_a_wrong_limit_or_price_is_explained(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_backends(write(tmp_path, f'[backends.torino]\nprovider = "ibm"\n{line}\n'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[backends", "is not valid TOML"),
        ("", "names no backend"),
        ("backends = 3", "names no backend"),
        ("[backends]\naer = 3", "backends.aer must be a table"),
        ("[backends.aer]\nmax_pending = 1", "provider: Field required"),
        ('[backends.aer]\nprovider = "aer"\nmax_pending = 0', "max_pending"),
        ('[backends.aer]\nprovider = "aer"\noptions = {}', "write its options beside"),
        ('[backends."a b"]\nprovider = "aer"', "letters, digits"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_backends(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the configuration"):
        load_backends(tmp_path / "nowhere.toml")
