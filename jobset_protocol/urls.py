"""The broker's URL when only the store's is given: the same server, in kombu's spelling."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from jobset_protocol.errors import ConfigurationError

_SCHEMES = {
    "redis": "redis",
    "valkey": "redis",
    "rediss": "rediss",
    "valkeys": "rediss",
    "unix": "redis+socket",
}


def broker_url(store_url: str) -> str:
    """Return the URL under which kombu reaches the store's server.

    kombu knows neither ``valkey://`` nor ``unix://``, takes the database from the path only, and
    skips the check of a TLS certificate unless it is told otherwise; redis-py checks by default.

    Raises:
        ConfigurationError: The URL is not one of Redis or Valkey.

    >>> broker_url("valkey://:secret@host:6379/1")
    'redis://:secret@host:6379/1'
    >>> broker_url("unix:///run/valkey.sock?db=2")
    'redis+socket:///run/valkey.sock?virtual_host=2'
    >>> broker_url("rediss://host/0")
    'rediss://host/0?ssl_cert_reqs=required'
    """
    try:
        parts = urlsplit(store_url)
    except ValueError as error:  # such as an unfinished IPv6 address
        raise ConfigurationError(f"the store's URL is malformed: {error}") from error
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ConfigurationError(
            f"a broker cannot be derived from a {parts.scheme or 'nameless'!r} URL: use "
            "redis://host:6379/0, rediss://… or unix:///path/to/socket, or set JOBSET_BROKER_URL"
        )
    query = dict(parse_qsl(parts.query))
    database = query.get("db") or (unquote(parts.path).strip("/") if parts.scheme != "unix" else "")
    netloc = _with_credentials(parts.netloc, query)
    if parts.scheme == "unix":
        return f"{scheme}://{netloc}{quote(unquote(parts.path))}?virtual_host={database or 0}"
    tls = {name: value for name, value in query.items() if name.startswith("ssl_")}
    if scheme == "rediss":
        tls.setdefault("ssl_cert_reqs", "required")
    return urlunsplit((scheme, netloc, f"/{database or 0}", urlencode(tls), ""))


def _with_credentials(netloc: str, query: dict[str, str]) -> str:
    if "@" in netloc or "password" not in query:
        return netloc
    user = quote(query.get("username", ""), safe="")
    return f"{user}:{quote(query['password'], safe='')}@{netloc}"
