"""Run a set once, however often it is asked for under one idempotency key.

The set is created first, and only then takes its key: so a key never stands for a set that is not
there, and of two clients that ask at once one finds the other's set, before it has sent anything.
"""

from collections.abc import Mapping
from typing import Any

from jobset_protocol.codecs.document import encode_document
from jobset_protocol.errors import ConfigurationError
from jobset_protocol.messages import SetRecord
from jobset_protocol.store.base import SetStore


class MadeBefore(Exception):  # noqa: N818  (it is no error: the set is returned)
    """Another set holds the key.

    Args:
        record: That set.
    """

    def __init__(self, record: SetRecord) -> None:
        super().__init__(record.set_id)
        self.record = record


def create_set(store: SetStore, job_set: SetRecord, names: bytes) -> None:
    """Create a set, and let its key stand for it.

    Raises:
        MadeBefore: The key stands for another set; this one is gone again.
    """
    store.create_set(job_set, names)
    if job_set.idempotency_key is None:
        return
    holder = store.claim_key(job_set.owner, job_set.idempotency_key, job_set.set_id)
    if holder != job_set.set_id:
        store.delete_set(job_set.set_id, force=True)
        raise MadeBefore(store.set_record(holder))


def made_before(store: SetStore, job_set: SetRecord) -> SetRecord | None:
    """Return the set that was made under a set's key, if there is one."""
    if job_set.idempotency_key is None:
        return None
    return store.set_with_key(job_set.owner, job_set.idempotency_key)


def require_match(found: SetRecord, wanted: SetRecord, circuit_count: int | None) -> SetRecord:
    """Return the set that was found, if it is what is wanted now.

    Args:
        found: Made by the earlier run.
        wanted: What this run would make.
        circuit_count: How many circuits it has; ``None`` when that is not known yet.

    Raises:
        ConfigurationError: Backend, options or number of circuits differ.
    """
    differences = []
    if found.backend != wanted.backend:
        differences.append(f"the backend is {wanted.backend!r} and was {found.backend!r}")
    changed = _changed_options(found.options, wanted.options)
    if changed:
        differences.append(f"options differ ({', '.join(changed)})")
    if circuit_count is not None and found.sealed and found.circuit_count != circuit_count:
        differences.append(f"there are {circuit_count} circuits and were {found.circuit_count}")
    if differences:
        raise ConfigurationError(
            f"the idempotency key {wanted.idempotency_key!r} made job set {found.set_id} of "
            f"something else: {'; '.join(differences)}; use another key for another run"
        )
    return found


def _changed_options(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    # Encoded, since arrays and noise models do not tell whether they are equal.
    before, now = (
        {name: encode_document(value) for name, value in options.items()}
        for options in (found, wanted)
    )
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
