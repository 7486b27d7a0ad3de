"""The connection to one Redis or Valkey server: clear errors, and what it must be.

Two things live here and nowhere else: how the server's failures become ours, and the checks of
version, eviction policy and persistence.  How long a call waits is in ``patience``.
"""

import functools
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import redis

from jobset_protocol import keys
from jobset_protocol.errors import (
    ConfigurationError,
    StoreError,
    StoreLostError,
    StoreRefusingError,
    StoreUnavailableError,
    StoreUnfitError,
)
from jobset_protocol.store.base import ServerReport
from jobset_protocol.store.blobs import BlobStore
from jobset_protocol.store.patience import Patience, RefusedError
from jobset_protocol.store.scripts import Scripts

SOCKET_TIMEOUT_SECONDS = 4.0
"""Longest silence of the server within one call; blocking reads stay well below it."""
CONNECT_TIMEOUT_SECONDS = 3.0
LEAST_VERSIONS = {"redis": (7, 0), "valkey": (8, 0)}
_FSYNC_VERSION = (7, 2)

LOST = (
    "the store is not the one that this process began with: its data was lost, so nothing is "
    "submitted; see what the provider still runs, then restart workers and clients"
)

_IN_QUERY = re.compile(r"([?&][^=&]*password=)[^&#]*", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"^((?:[^/@]*//)?[^:@/]*:).*@", re.DOTALL)

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


def without_password(url: str) -> str:
    """Return a URL, however malformed, that may be shown.

    >>> without_password("redis://me:secret@host:6379/0")
    'redis://me:***@host:6379/0'
    >>> without_password("redis://host:6379/0?password=secret&db=1")
    'redis://host:6379/0?password=***&db=1'
    """
    return _IN_ADDRESS.sub(r"\1***@", _IN_QUERY.sub(r"\1***", url))


def translated(method: Callable[P, T]) -> Callable[P, T]:
    """Turn the server's and the network's failures into errors of ours."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except redis.exceptions.AuthenticationError as error:
            raise StoreError(
                f"the store refused this user ({error}): give its name and its password in "
                "JOBSET_URL, as in redis://name:password@host:6379/0"
            ) from error
        except redis.exceptions.NoPermissionError as error:
            raise StoreError(
                f"the store refused this user ({error}): allow it that in the server's ACL, or "
                "give another user in JOBSET_URL"
            ) from error
        except RefusedError as error:
            raise StoreRefusingError(str(error)) from error
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise StoreUnavailableError(
                f"the store does not answer ({error}); see that its server runs and that "
                "JOBSET_URL is right, or try `jobset doctor`"
            ) from error
        except redis.exceptions.RedisError as error:
            raise StoreError(f"the store answered: {error}") from error

    return call


def open_client(url: str, *, patience_seconds: float) -> "redis.Redis":
    """Return a client whose calls wait about ``patience_seconds`` for an absent server.

    Raises:
        ConfigurationError: The URL is not one of Redis.
    """
    plain = url.replace("valkey://", "redis://", 1).replace("valkeys://", "rediss://", 1)
    errors: list[type[Exception]] = [
        redis.exceptions.ConnectionError,
        redis.exceptions.TimeoutError,
        redis.exceptions.BusyLoadingError,
    ]
    try:
        return redis.Redis.from_url(
            plain,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            retry=Patience(patience_seconds),
            retry_on_error=errors,
            protocol=2,
        )
    except (ValueError, TypeError):
        # Without the cause: it may quote a part of a password whose "/" is not escaped.
        raise ConfigurationError(
            f"{without_password(url)!r} is not a store URL; use redis://host:6379/0, rediss://…, "
            "or unix:///path/to/socket, with special characters of a password percent-encoded"
        ) from None


class RedisServer:
    """What the three sides of the store share: a client and its scripts."""

    def __init__(
        self,
        client: "redis.Redis",
        blobs: BlobStore | None = None,
        *,
        fsync_intents: bool = False,
    ) -> None:
        self.blobs = blobs or BlobStore()
        self.fsync_intents = fsync_intents
        # redis-py's annotations mix replies of all protocols and decodings; ours are bytes.
        self.client: Any = client
        self.scripts = Scripts(client)
        self._epoch: str | None = None

    @translated
    def check_server(self) -> ServerReport:
        """See :meth:`SetStore.check_server`."""
        return report_on(self.client.info(), fsync_intents=self.fsync_intents)

    def require_fit_server(self) -> ServerReport:
        """See :meth:`SetStore.require_fit_server`."""
        report = self.check_server()
        if report.problems:
            raise StoreUnfitError(
                f"this {report.product} {report.version} is not fit to hold job sets: "
                + "; ".join(report.problems)
            )
        for warning in report.warnings:
            _log.warning("store: %s", warning)
        return report

    @translated
    def now(self) -> float:
        """See :meth:`BackendStore.now`."""
        seconds, microseconds = self.client.time()
        return float(seconds) + float(microseconds) / 1e6

    @translated
    def epoch(self) -> str | None:
        """See :meth:`SetStore.epoch`."""
        found = self.client.get(keys.EPOCH)
        return found.decode() if found else None

    def require_epoch(self, epoch: str | None = None) -> str:
        """See :meth:`SetStore.require_epoch`."""
        expected = epoch or self._epoch
        if expected is None:
            self._make_epoch()
        found = self.epoch()
        if found is None or (expected is not None and found != expected):
            raise StoreLostError(LOST)
        self._epoch = found
        return found

    @translated
    def _make_epoch(self) -> None:
        self.client.set(keys.EPOCH, uuid.uuid4().hex, nx=True)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def report_on(info: Mapping[str, Any], *, fsync_intents: bool = False) -> ServerReport:
    """Judge a server by its ``INFO``.

    Args:
        info: What it says of itself.
        fsync_intents: Intents shall be on its disk before they count.

    >>> report_on({"redis_version": "6.2.1", "maxmemory_policy": "noeviction"}).problems
    ('its version is 6.2.1, and at least redis 7.0 is needed',)
    """
    product = "valkey" if "valkey_version" in info else "redis"
    version = str(info.get(f"{product}_version", "0"))
    problems: list[str] = []
    warnings: list[str] = []
    least = LEAST_VERSIONS[product]
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < least:
        problems.append(
            f"its version is {version}, and at least {product} {least[0]}.{least[1]} is needed"
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        problems.append(
            f"its eviction policy {policy} may drop job sets and messages: "
            "set maxmemory-policy to noeviction"
        )
    elif policy != "noeviction":
        warnings.append(f"the eviction policy is {policy}; noeviction is meant for job sets")
    if info.get("role", "master") != "master":
        problems.append("it is a read-only replica: connect to the primary")
    if not int(info.get("aof_enabled", 1)):
        warnings.append(
            "append-only persistence is off: a crash of the server loses job sets and results "
            "(set appendonly to yes)"
        )
        if fsync_intents:
            problems.append("it keeps nothing on disk, but JOBSET_FSYNC_INTENTS asks for it")
    if fsync_intents and product == "redis" and numbers < _FSYNC_VERSION:
        problems.append(f"it is {product} {version}: JOBSET_FSYNC_INTENTS needs 7.2")
    return ServerReport(product, version, tuple(problems), tuple(warnings))
