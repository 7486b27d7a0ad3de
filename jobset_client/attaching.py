"""What a job set that was made by its constructor needs, to be submitted or found."""

import re
import weakref
from datetime import datetime
from typing import TYPE_CHECKING

from jobset_protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from jobset_client.job_manager import JobManager

_SET_ID = re.compile(r"[0-9a-f]{32}")


def default_name() -> str:
    """Return the name of a set that nobody named: the date and the time."""
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")


def is_set_id(text: object) -> bool:
    """Tell whether something may be a set's id.

    >>> is_set_id("5f" * 16), is_set_id("5F" * 16), is_set_id(None)
    (True, False, False)
    """
    return isinstance(text, str) and _SET_ID.fullmatch(text) is not None


def read_set_id(short_id: str) -> str:
    """Return a set's id as a user gives it.

    Raises:
        ConfigurationError: It is none.
    """
    if not is_set_id(short_id):
        raise ConfigurationError(
            f"short_id must be the 32 hexadecimal digits of a set's id, not {short_id!r}"
        )
    return short_id


def manager_from(given: object, *, user: object) -> "JobManager":
    """Return the job manager that stands behind what the original took.

    Args:
        given: A :class:`JobManager`; anything else, such as a thread pool or a provider, stands
            for ``JobManager()``.
        user: Closes a manager that is made here, when it is gone itself.
    """
    # Imported late: job_manager imports ManagedJobSet, which imports this.
    from jobset_client.job_manager import JobManager  # noqa: PLC0415

    if isinstance(given, JobManager):
        return given
    manager = JobManager()
    weakref.finalize(user, manager.close)
    return manager
