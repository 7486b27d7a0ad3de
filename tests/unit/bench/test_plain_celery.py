import json
from types import SimpleNamespace
from typing import Any

import pytest

from jobset_bench.systems.celery_app import make_app
from jobset_bench.systems.plain_celery import PlainCelerySender
from jobset_client.supervision.commands import CELERY_ADDRESSES

URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def app() -> Any:
    app = make_app(URL)
    yield app
    app.close()


def test_all_statuses_are_asked_for_at_once(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given one task that has ended and one that has not
    asked = []

    def mget(keys: list[bytes]) -> list[bytes | None]:
        asked.append(len(keys))
        return [json.dumps({"status": "SUCCESS", "result": []}).encode(), None]

    monkeypatch.setattr(app.backend, "mget", mget)
    sender = PlainCelerySender()
    sender._app = app
    sender._sent = SimpleNamespace(results=[SimpleNamespace(id="a"), SimpleNamespace(id="b")])

    assert sender.statuses() == ["SUCCESS", "PENDING"]
    assert asked == [2]


def test_the_users_own_broker_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CELERY_ADDRESSES:
        monkeypatch.setenv(name, "redis://elsewhere")

    conf = make_app(URL).conf

    assert {conf.broker_read_url, conf.broker_write_url, conf.result_backend} == {URL}
