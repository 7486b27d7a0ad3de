import getpass

import pytest

from jobset_client.settings import ClientSettings, login_name


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSET_URL", "redis://one")
    monkeypatch.setenv("JOBSET_BROKER_URL", "amqp://two")
    monkeypatch.setenv("JOBSET_OWNER", "ada")
    settings = ClientSettings()
    assert (settings.url, settings.broker_url, settings.owner) == (
        "redis://one",
        "amqp://two",
        "ada",
    )


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSET_URL", "")
    monkeypatch.delenv("JOBSET_OWNER", raising=False)
    assert ClientSettings().url is None
    assert ClientSettings().owner == login_name()


def test_a_process_without_a_user_still_has_an_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert login_name().startswith("uid-")
