"""What the failures of in-process backends and of HTTP clients ask for.

A chunk that is REJECTED is halved until the bad circuit stands alone, so it is said only of
circuits: what would meet every circuit of the run is FATAL.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from qiskit.exceptions import QiskitError

from jobset_protocol.errors import FailureKind, ProviderError

REFUSALS = (QiskitError, TypeError, ValueError, NotImplementedError)
"""What simulators raise for circuits and options that they do not take."""
_CIRCUITS_REFUSED = frozenset({400, 413, 422})
"""Malformed, too large, unprocessable; others speak of rights, addresses and accounts."""
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


def local_kind(error: BaseException) -> FailureKind:
    """Classify a failure of a backend in this process: want of memory or threads may pass.

    >>> local_kind(MemoryError())
    <FailureKind.TRANSIENT: 'transient'>
    """
    if isinstance(error, ProviderError):
        return error.kind
    if isinstance(error, (MemoryError, OSError)):
        return FailureKind.TRANSIENT
    return FailureKind.FATAL


def refusal(
    backend: str, error: Exception, probe: Callable[[], object], *, said: str | None = None
) -> ProviderError:
    """Describe what a backend in this process refused: these circuits, or the run's options.

    Args:
        backend: Its alias, for the message.
        error: What it raised.
        probe: Runs a trivial circuit with the same options.
        said: The reason, where the error's text is none.
    """
    try:
        probe()
    except Exception as second:  # noqa: BLE001 - whatever it is, the circuits are not to blame
        kind, what = local_kind(second), "the options of this run"
    else:
        kind, what = FailureKind.REJECTED, "these circuits"
    return ProviderError(f"{backend} refuses {what}: {said or error}", kind=kind)


def submission_kind(error: BaseException) -> FailureKind:
    """Classify what a provider's client raised while it submitted.

    Only an HTTP status that says no is proof that there is no job.  Clients repeat requests by
    themselves and raise the same classes for a bad circuit and for a reply that they cannot read.
    """
    code = http_status(error)
    if code == 429:
        return FailureKind.LIMIT
    if code in _CIRCUITS_REFUSED:
        return FailureKind.REJECTED
    # 408 is a time-out: the request may have been read.
    if code is not None and 400 <= code < 500 and code != 408:
        return FailureKind.FATAL
    return FailureKind.UNCERTAIN


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status that an exception, or one that led to it, carries.

    Clients built on requests and httpx keep it in ``response.status_code``, others in an
    attribute ``status_code`` or ``code``.
    """
    for link in _chain(error):
        holders = (getattr(link, "response", None), link)
        for value in (getattr(each, "status_code", None) for each in holders):
            if isinstance(value, int) and 400 <= value < 600:
                return value
        code = getattr(link, "code", None)
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return None


def retry_after_seconds(header: str | None, *, now: float | None = None) -> float | None:
    """Return how long a Retry-After header asks to wait; ``None`` for none and for nonsense.

    It holds seconds or a date (RFC 9110, section 10.2.3).  A date is by the provider's clock, and
    is compared with ours.

    Args:
        header: Its value.
        now: Unix seconds; the clock's by default.

    >>> retry_after_seconds("120")
    120.0
    >>> retry_after_seconds("Sun, 06 Nov 1994 08:49:37 GMT", now=784111717.0)
    60.0
    >>> retry_after_seconds("Sun, 06 Nov 1994 08:49:37 GMT")
    0.0
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        # The oldest of the three formats names no zone, and means this one.
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def wished_delay_seconds(error: BaseException) -> float | None:
    """Return how long the provider's reply behind an exception asks to wait, if it does.

    Clients built on requests and httpx keep the reply in ``response``.
    """
    for link in _chain(error):
        headers = getattr(getattr(link, "response", None), "headers", None)
        if isinstance(headers, Mapping):
            value = next((headers[name] for name in headers if _is_retry_after(name)), None)
            return retry_after_seconds(value if isinstance(value, str) else None)
    return None


def _is_retry_after(name: object) -> bool:
    return isinstance(name, str) and name.lower() == "retry-after"


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # Not the context: a client that tried again after a refusal fails for another reason.
        link = link.__cause__
