"""What adapters read out of the exceptions of HTTP clients."""

import httpx
import pytest

from worker.providers.failures import retry_after_seconds, wished_delay_seconds

NOW = 784111717.0


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_all_three_formats_of_a_date_are_read(date: str) -> None:
    assert retry_after_seconds(date, now=NOW) == 60.0


def refused(headers: dict[str, str]) -> Exception:
    """Return what a client built on httpx raises, within one of the provider's own."""
    request = httpx.Request("POST", "http://service/jobs")
    response = httpx.Response(503, headers=headers, request=request)
    wrapped = RuntimeError("the job could not be submitted")
    wrapped.__cause__ = httpx.HTTPStatusError("503", request=request, response=response)
    return wrapped


def test_the_wish_is_found_behind_a_clients_own_exception() -> None:
    assert wished_delay_seconds(refused({"retry-after": "12"})) == 12.0


@pytest.mark.parametrize("error", [refused({}), OSError("down")])
def test_without_a_header_there_is_no_wish(error: Exception) -> None:
    assert wished_delay_seconds(error) is None
