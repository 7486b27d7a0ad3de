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
