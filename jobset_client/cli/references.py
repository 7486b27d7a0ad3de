"""Find the set that a user means: by its id, the beginning of one, or its name."""

import re

from jobset_client.cli.text import plural, safe, short_id
from jobset_protocol.errors import AmbiguousNameError, JobSetNotFoundError
from jobset_protocol.messages import SetRecord
from jobset_protocol.store import Store

_WHOLE_ID = re.compile(r"[0-9a-f]{32}")
_PART_OF_ID = re.compile(r"[0-9a-f]{4,31}")
_SHOWN = 5


def find_set(store: Store, reference: str) -> SetRecord:
    """Return the one set that a reference stands for.

    A name and the beginning of an id count alike: what could be either, for different sets, is
    refused rather than guessed.

    Args:
        store: Where the sets are.
        reference: An id, at least 4 characters of one, or a name.

    Raises:
        JobSetNotFoundError: There is none.
        AmbiguousNameError: There are several.
    """
    if _WHOLE_ID.fullmatch(reference):
        return store.set_record(reference)
    found = {record.set_id: record for record in store.find_sets(name=reference)}
    if _PART_OF_ID.fullmatch(reference):
        found |= {
            record.set_id: record
            for record in store.find_sets()
            if record.set_id.startswith(reference)
        }
    if not found:
        raise JobSetNotFoundError(
            f"no job set has the id or the name {safe(reference)!r}; `jobset ls` lists those "
            "that exist"
        )
    if len(found) > 1:
        shown = ", ".join(short_id(set_id) for set_id in list(found)[:_SHOWN])
        more = ", …" if len(found) > _SHOWN else ""
        raise AmbiguousNameError(
            f"{plural(len(found), 'job set')} answer to {safe(reference)!r}: use an id, the newest "
            f"first: {shown}{more}"
        )
    [record] = found.values()
    return record
