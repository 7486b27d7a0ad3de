"""Every key in the store has a form that is known, and with it a policy for its life."""

import re

from jobset_protocol.store import RedisStore

KEPT_WITH_THEIR_SET = (
    r"jobset:\{[0-9a-f]{32}\}:(set|tags|names|statuses|counts|events|parts|ranges)",
    r"jobset:\{[0-9a-f]{32}\}:chunk:\d+(:payload|:result|:history)?",
    r"jobset:index:(time|live|expiry)",
    r"jobset:index:(name|tag|key):.*",
)
KEPT_WITH_THEIR_BACKEND = (r"jobset:backends", r"jobset:\{backend:[\w-]+\}:(due|slots|waiting)")
BOUNDED = (r"jobset:epoch", r"jobset:workers", r"jobset:aside")
EXPIRING = (r"jobset:worker:.*",)
THE_BROKERS = (r"_kombu\..*", r"jobset\.[\w-]+(\.collect)?", r"unacked.*", r".*\.pidbox", r"/0\..*")
KNOWN = re.compile(
    "|".join((*KEPT_WITH_THEIR_SET, *KEPT_WITH_THEIR_BACKEND, *BOUNDED, *EXPIRING, *THE_BROKERS)),
    re.DOTALL,
)


def assert_no_leaked_key(store: RedisStore) -> None:
    """Fail on a key of no known form, or one that should expire and does not."""
    found = [key.decode() for key in store.client.scan_iter(count=10_000)]
    assert [key for key in found if not KNOWN.fullmatch(key)] == []
    lasting = [key for key in found if key.startswith("jobset:worker:")]
    assert [key for key in lasting if store.client.ttl(key) == -1] == []
