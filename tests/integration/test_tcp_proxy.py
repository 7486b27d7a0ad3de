"""The bad network does what it says."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import ValkeyServer
from tests.standins.tcp_proxy import TcpProxy
from tests.support import wait_until

Connect = Callable[[], "redis.Redis"]
SHORT_SECONDS = 0.3


@pytest.fixture
def proxy(shared_valkey: ValkeyServer) -> Iterator[TcpProxy]:
    with TcpProxy(shared_valkey.socket) as proxy:
        yield proxy


@pytest.fixture
def connect(proxy: TcpProxy) -> Iterator[Connect]:
    """Open connections through the proxy, one each, that never try again."""
    with contextlib.ExitStack() as stack:

        def opened() -> "redis.Redis":
            client = redis.Redis.from_url(
                proxy.url,
                socket_timeout=SHORT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                single_connection_client=True,
            )
            stack.callback(client.close)
            return client

        yield opened


def test_a_delay_is_paid_once_for_many_packets(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert client.ping()
    proxy.delay(0.05)
    data = bytes(range(256)) * 10_000
    begun = time.monotonic()
    assert client.echo(data) == data
    assert 0.1 <= time.monotonic() - begun < 0.5


@pytest.mark.parametrize("is_new", [False, True])
def test_a_black_hole_holds_what_is_sent_until_it_is_healed(
    proxy: TcpProxy, connect: Connect, shared_valkey: ValkeyServer, is_new: bool
) -> None:
    direct = redis.Redis.from_url(shared_valkey.url)
    proxy_client = None if is_new else connect()
    if proxy_client:
        assert proxy_client.ping()
    proxy.black_hole()
    sender = proxy_client or redis.Redis.from_url(proxy.url, socket_timeout=SHORT_SECONDS)
    with pytest.raises(redis.TimeoutError):
        sender.incr("held")
    assert direct.get("held") is None
    proxy.heal()
    if not is_new:
        wait_until(lambda: direct.get("held"), description="what was held to arrive")
        assert direct.get("held") == b"1"
    assert connect().ping()
    direct.delete("held")
    direct.close()
    sender.close()


def test_a_black_hole_may_lose_what_is_sent(proxy: TcpProxy, connect: Connect) -> None:
    used, idle = connect(), connect()
    assert used.ping()
    assert idle.ping()
    proxy.black_hole(loses=True)
    connection: Any = used.connection
    connection.send_command("INCR", "lost")
    wait_until(lambda: proxy.connections == 1, description="one connection to be forgotten")
    proxy.heal()
    # Then that connection is silent ever after, and the other one goes on
    with pytest.raises(redis.TimeoutError):
        connection.read_response()
    assert idle.get("lost") is None


def test_connections_are_reset(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert client.ping()
    connection: Any = client.connection
    assert proxy.reset() == 1
    with pytest.raises(redis.ConnectionError, match="reset by peer"):
        connection.read_response()
    assert connect().ping()


def test_a_client_of_a_half_open_connection_learns_nothing(
    proxy: TcpProxy, connect: Connect, shared_valkey: ValkeyServer
) -> None:
    client = connect()
    client.client_setname("to-be-forgotten")
    direct = redis.Redis.from_url(shared_valkey.url)
    assert proxy.half_open() == 1
    wait_until(
        lambda: "to-be-forgotten" not in {each["name"] for each in direct.client_list()},
        description="the server to see the end",
    )
    direct.close()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    assert connect().ping()


def test_what_is_sent_into_a_forgotten_connection_is_lost(
    proxy: TcpProxy, connect: Connect, shared_valkey: ValkeyServer
) -> None:
    client = connect()
    assert client.ping()
    connection: Any = client.connection
    connection.send_command("BRPOP", "forgotten", 5)
    direct = redis.Redis.from_url(shared_valkey.url)
    wait_until(
        lambda: any(each["cmd"] == "brpop" for each in direct.client_list()),
        description="the server to wait",
    )
    assert proxy.forget() == 1
    direct.lpush("forgotten", "a message")
    wait_until(lambda: b"a message" in proxy.lost, description="the message to be lost")
    assert not direct.exists("forgotten")
    direct.close()


def test_connections_are_refused_until_it_is_healed(proxy: TcpProxy, connect: Connect) -> None:
    before = connect()
    assert before.ping()
    proxy.refuse()
    assert before.ping()
    with pytest.raises(redis.ConnectionError, match="refused"):
        connect().ping()
    proxy.heal()
    assert connect().ping()


def test_a_closed_connection_is_closed_at_the_other_end(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert client.ping()
    assert proxy.connections == 1
    client.close()
    wait_until(lambda: proxy.connections == 0, description="the connection to end")
