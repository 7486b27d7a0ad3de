"""Row 17: whoever does not know the password gets nothing, and nobody finds it in a log."""

import itertools
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import redis
from flower.urls import handlers
from tornado.routing import URLSpec

from jobset_client import JobManager
from jobset_protocol.errors import StoreError
from tests.circuits import small_circuits
from tests.e2e.test_flower import free_port
from tests.faults.processes import ROOT, Member
from tests.faults.rows import FULL, row
from tests.servers import ValkeyServer
from tests.support import wait_until

pytestmark = pytest.mark.timeout(120)

SECRET = "s3cret-of-the-store"
WRONG = "wr0ng-guess"
LIMITED = "l1mited-user"
DASHBOARD = "d4shboard-password"
SECRETS = (SECRET, WRONG, LIMITED, DASHBOARD)
METHODS = ("GET", "POST", "OPTIONS")
REFUSED = r"the store refused this user \(.*JOBSET_URL"


CLI = "from jobset_client.cli.group import main; main()"
COMMANDS = {
    "worker": ["-m", "worker", "worker"],
    "watcher": ["-m", "worker", "watcher"],
    "ls": ["-c", CLI, "ls"],
    "doctor": ["-c", CLI, "doctor"],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server with a password, and a user who may do nothing but look."""
    server = ValkeyServer(tmp_path)
    server.url = f"unix://:{SECRET}@{server.socket}"
    server.start("--requirepass", SECRET)
    with closing(redis.Redis.from_url(server.url)) as client:
        client.acl_setuser(
            "looker", enabled=True, passwords=[f"+{LIMITED}"], keys=["*"],
            commands=["+info", "+ping", "+get", "+select", "+client"],
        )  # fmt: skip
    yield server
    server.close()


@pytest.fixture
def members(server: ValkeyServer) -> Iterator[list[Member]]:
    """What a test starts; ended before the server is."""
    members: list[Member] = []
    yield members
    for member in members:
        member.kill()


def urls(server: ValkeyServer) -> dict[str, str]:
    """Return addresses that are not enough, by who would use them."""
    return {
        "nobody": f"unix://{server.socket}",
        "guesser": f"unix://:{WRONG}@{server.socket}",
        "stranger": f"unix://stranger:{WRONG}@{server.socket}",
        "looker": f"unix://looker:{LIMITED}@{server.socket}",
    }


def environment(url: str, directory: Path) -> dict[str, str]:
    config = directory / "backends.toml"
    config.write_text('[backends.fake]\nprovider = "fake"\n')
    return {"JOBSET_URL": url, "JOBSET_CONFIG": str(config), "COLUMNS": "500"}


def require_no_secret(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text], text


def refused_client(url: str) -> str:
    """Run a set as a client would; returns how that was refused."""
    with pytest.raises(StoreError) as caught, JobManager(url) as manager:
        manager.run(small_circuits(1), "fake")
    return f"{caught.value!r} {caught.value.__cause__!r} {caught.getrepr()}"


def every_route() -> list[str]:
    """Return a path for each of Flower's handlers, whatever they are in this version."""
    patterns = [
        each.regex.pattern if isinstance(each, URLSpec) else each[0]
        for each in handlers
        if isinstance(each, URLSpec | tuple)
    ]
    filled = (re.sub(r"\(\.[*+]\)", "x", pattern).replace("/?", "") for pattern in patterns)
    # Tornado adds two of its own.
    own = {"/favicon.ico", "/robots.txt"}
    return sorted(own | {"/nowhere" if path == ".*" else path.rstrip("$") for path in filled})


def start_flower(url: str, directory: Path, port: int) -> Member:
    """Start it as the compose file does."""
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "flower", f"--port={port}",
               "--address=127.0.0.1", f"--conf={ROOT}/deploy/flower/flowerconfig.py"]  # fmt: skip
    own = environment(url, directory)
    del own["COLUMNS"]
    return Member("flower", command, {**own, "FLOWER_BASIC_AUTH": f"me:{DASHBOARD}"}, directory)


def test_row_17_no_entry_to_the_store(
    server: ValkeyServer, members: list[Member], tmp_path: Path
) -> None:
    who = urls(server) if FULL else {name: urls(server)[name] for name in ("guesser", "looker")}
    with row(17, "no, wrong and limited users of the store", within_seconds=60) as this:
        for name, url in who.items():
            for what, command in COMMANDS.items():
                members.append(
                    Member(f"{name}-{what}", [sys.executable, *command],
                           environment(url, tmp_path), tmp_path)
                )  # fmt: skip
        for url in urls(server).values():
            says = refused_client(url)
            assert re.search(REFUSED, says), says
            require_no_secret(says)
        for member in members:
            # A worker that waits for a password to become right would wait for a minute.
            assert member.process.wait(30) != 0, member.name
            log = member.log.read_text()
            assert re.search(REFUSED, log), log
            assert "Traceback" not in log
            require_no_secret(log)
        this.judged = True
    with closing(redis.Redis.from_url(server.url)) as client:
        assert client.keys() == []


def test_row_17_no_entry_to_the_dashboard(
    server: ValkeyServer, members: list[Member], tmp_path: Path
) -> None:
    port = free_port()
    flower = f"http://127.0.0.1:{port}"
    members.append(start_flower(server.url, tmp_path, port))
    worker = [sys.executable, *COMMANDS["worker"]]
    members.append(Member("worker", worker, environment(server.url, tmp_path), tmp_path))
    routes = every_route()
    assert {"/metrics", "/healthcheck", "/api/tasks", "/login", "/static/x", "/nowhere"} < {*routes}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    attempts: dict[str, dict[str, str]] = {
        "nothing": {},
        "wrong": {"Authorization": f"Basic {b64encode(f'me:{WRONG}'.encode()).decode()}"},
        "malformed": {"Authorization": "Basic ???"},
        "bearer": {"Authorization": f"Bearer {b64encode(f'me:{DASHBOARD}'.encode()).decode()}"},
        "upgrade": upgrade,
    }
    with row(17, f"{len(routes)} routes of the dashboard", within_seconds=60) as this:
        wait_until(
            lambda: status(f"{flower}/metrics"), description="Flower to answer", timeout_seconds=40
        )
        with httpx.Client(base_url=flower) as stranger:
            for path, headers in itertools.product(routes, attempts.values()):
                for method in METHODS:
                    answer = stranger.request(method, path, headers=headers)
                    assert answer.status_code == 401, (method, path, headers)
                    require_no_secret(answer.text)
        known = {"auth": ("me", DASHBOARD)}
        for path in ("/workers", "/metrics", "/healthcheck", "/api/tasks"):
            answer = httpx.get(f"{flower}{path}", **known)  # type: ignore[arg-type]
            assert answer.status_code == 200, path
            require_no_secret(answer.text)
        broker = httpx.get(f"{flower}/broker", **known)  # type: ignore[arg-type]
        require_no_secret(broker.text)
        this.judged = True
    for member in members:
        assert member.running, member.tail()
        require_no_secret(member.log.read_text())


def status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None
