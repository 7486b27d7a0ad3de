"""The only place where a Redis key is spelled.

A set's keys share a hash tag, ``{<set id>}``, so that one script may touch them all on a
cluster.  A backend's keys share another, ``{backend:<alias>}``.
"""

from urllib.parse import quote

PREFIX = "jobset"
EPOCH = f"{PREFIX}:epoch"
BACKENDS = f"{PREFIX}:backends"
WORKERS = f"{PREFIX}:workers"
SETS_BY_TIME = f"{PREFIX}:index:time"
LIVE_SETS = f"{PREFIX}:index:live"
SETS_BY_EXPIRY = f"{PREFIX}:index:expiry"
SET_ASIDE = f"{PREFIX}:aside"


def job_set(set_id: str, part: str = "set") -> str:
    """Return the key of one part of a set.

    >>> job_set("5f2a", "counts")
    'jobset:{5f2a}:counts'
    """
    return f"{PREFIX}:{{{set_id}}}:{part}"


def chunk(set_id: str, index: int, part: str | None = None) -> str:
    """Return the key of a chunk, or of its ``payload``, ``result`` or ``history``.

    >>> chunk("5f2a", 7, "result")
    'jobset:{5f2a}:chunk:7:result'
    """
    name = f"{PREFIX}:{{{set_id}}}:chunk:{index}"
    return f"{name}:{part}" if part else name


def backend(alias: str, part: str) -> str:
    """Return a backend's key: its ``due`` schedule, ``slots`` or ``waiting`` chunks.

    >>> backend("aer", "due")
    'jobset:{backend:aer}:due'
    """
    return f"{PREFIX}:{{backend:{alias}}}:{part}"


def worker(worker_id: str) -> str:
    """Return the key of a worker's liveness record."""
    return f"{PREFIX}:worker:{worker_id}"


def sets_by_name(name: str) -> str:
    """Return the key of the index of the sets that bear ``name``."""
    return f"{PREFIX}:index:name:{name}"


def sets_by_tag(tag: str) -> str:
    """Return the key of the index of the sets that bear ``tag``."""
    return f"{PREFIX}:index:tag:{tag}"


def idempotency(owner: str, key: str) -> str:
    """Return the key that names the set which an owner made with an idempotency key.

    >>> idempotency("a:b", "night 3")
    'jobset:index:key:a%3Ab:night 3'
    """
    return f"{PREFIX}:index:key:{quote(owner, safe='')}:{key}"


def of_script(set_id: str, first: str) -> list[str]:
    """Return the keys that every script on a whole set takes.

    Args:
        set_id: The set.
        first: What the script calls its first key.
    """
    parts = ("statuses", "counts", "events", "set")
    return [first, *(job_set(set_id, part) for part in parts)]


def queue(alias: str) -> str:
    """Return the Celery queue for a backend's submissions.

    >>> queue("aer")
    'jobset.aer'
    """
    return f"{PREFIX}.{alias}"


def collect_queue(alias: str) -> str:
    """Return the Celery queue for a backend's collections.

    Its own, so that a paid result never waits behind thousands of submissions.
    """
    return f"{PREFIX}.{alias}.collect"
