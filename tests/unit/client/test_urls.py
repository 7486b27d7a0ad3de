import pytest
from kombu import Connection

from jobset_client import JobManager
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.store import connect, without_password
from jobset_protocol.urls import broker_url


@pytest.mark.parametrize(
    ("store", "broker"),
    [
        ("redis://host:6380/3", "redis://host:6380/3"),
        ("redis://host", "redis://host/0"),
        ("redis://host?db=4&socket_timeout=3", "redis://host/4"),
        ("redis://me:p%40ss@host/1", "redis://me:p%40ss@host/1"),
        ("redis://host/1?password=p@ss", "redis://:p%40ss@host/1"),
        ("valkeys://host/2", "rediss://host/2?ssl_cert_reqs=required"),
        (
            "rediss://host/2?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem",
            "rediss://host/2?ssl_cert_reqs=none&ssl_ca_certs=%2Fca.pem",
        ),
        ("unix:///run/a b.sock", "redis+socket:///run/a%20b.sock?virtual_host=0"),
        ("unix://:secret@/run/v.sock?db=2", "redis+socket://:secret@/run/v.sock?virtual_host=2"),
    ],
)
def test_spells_a_store_for_kombu(store: str, broker: str) -> None:
    assert broker_url(store) == broker
    Connection(broker)  # kombu refuses what it does not know


@pytest.mark.parametrize("url", ["amqp://host", "", "host:6379", "memory://"])
def test_refuses_what_is_no_store(url: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBSET_BROKER_URL"):
        broker_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://me:p%40ss@host/1", "redis://me:***@host/1"),
        ("redis://:secret@host", "redis://:***@host"),
        ("me:secret@host:6379", "me:***@host:6379"),
        ("redis://host/1?db=2&password=s@cret", "redis://host/1?db=2&password=***"),
        ("unix:///run/s.sock?PASSWORD=secret&db=1", "unix:///run/s.sock?PASSWORD=***&db=1"),
        ("redis://me:a/b?c@host", "redis://me:***@host"),
        ("redis://:secret@[bad", "redis://:***@[bad"),
        ("", ""),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize("url", ["redis://[bad", "redis://:sec/ret@host", "redis://host:port/0"])
def test_a_malformed_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a store URL") as caught:
        connect(url)
    assert "sec" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        JobManager(url)
