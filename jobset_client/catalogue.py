"""The catalogue of job sets: find them, keep them as long as they are needed, move them."""

import contextlib
import math
import os
from collections.abc import MutableMapping
from datetime import datetime, timedelta

from jobset_client.archive_reader import import_set
from jobset_client.attaching import is_set_id
from jobset_client.deleting import delete_set
from jobset_client.managed_job_set import ManagedJobSet
from jobset_protocol.errors import ConfigurationError, InvalidStateError, JobSetNotFoundError
from jobset_protocol.messages import SetRecord
from jobset_protocol.set_status import SetStatus
from jobset_protocol.store import Store

Moment = datetime | float


class Catalogue:
    """The part of :class:`JobManager` that looks after sets of all processes."""

    _store: Store
    _handles: MutableMapping[str, ManagedJobSet]
    _known: dict[str, str]

    def _handle(self, record: SetRecord) -> ManagedJobSet:
        """Return the one object for a set."""
        raise NotImplementedError

    def job_sets(
        self,
        name: str | None = None,
        *,
        tag: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        backend: str | object | None = None,
        status: SetStatus | str | None = None,
        owner: str | None = None,
        limit: int | None = None,
    ) -> list[ManagedJobSet]:
        """Return the sets in the store, of all processes, the newest first.

        A set whose id is lost is found by whatever else is known of it.

        Args:
            name: Only those with this name.
            tag: Only those with this tag.
            since: Only those made then or later: a ``datetime``, which is local time unless it
                says otherwise, or seconds since the epoch.
            until: Only those made then or before.
            backend: Only those on this backend: an alias, or an object whose ``name`` is one.
            status: Only those that are ``queued``, ``running``, ``done``, ``failed``,
                ``uncertain`` or ``cancelled`` as a whole.
            owner: Only those that this person submitted.
            limit: Most sets; counted are sets that fit, not their jobs.

        Raises:
            ConfigurationError: An argument is wrong.
        """
        alias = getattr(backend, "name", None) if not isinstance(backend, str) else backend
        if backend is not None and not isinstance(alias, str):
            raise ConfigurationError(f"backend must be an alias, not a {type(backend).__name__}")
        if limit is not None and (isinstance(limit, bool) or limit < 1):
            raise ConfigurationError(f"limit must be at least 1, not {limit!r}")
        records = self._store.find_sets(
            name=_text("name", name),
            tag=_text("tag", tag),
            since=_moment("since", since),
            until=_moment("until", until),
            backend=alias,
            owner=_text("owner", owner),
            status=read_status(status),
            limit=limit,
        )
        return [self._handle(record) for record in records]

    def delete_job_set(self, job_set_id: str, force: bool = False) -> None:
        """Delete a set; see :meth:`ManagedJobSet.delete`.

        A set whose deletion was interrupted is deleted to the end.

        Raises:
            InvalidStateError: Chunks are not final, and ``force`` is false.
            JobSetNotFoundError: No set has this id.
        """
        if not is_set_id(job_set_id):
            raise JobSetNotFoundError(
                f"{job_set_id!r} is not a job set's id, which has 32 hexadecimal digits"
            )
        delete_set(self._store, job_set_id, force=force)
        self._known.pop(job_set_id, None)
        self._forget(job_set_id)

    def prune(
        self,
        older_than: timedelta | float,
        *,
        status: SetStatus | str | None = None,
        dry_run: bool = False,
    ) -> list[SetRecord]:
        """Delete the sets that ended long ago; those that are not at their end stay.

        Args:
            older_than: A ``timedelta``, or seconds, counted from a set's end.
            status: Only those with this status, such as ``failed``.
            dry_run: Delete nothing.

        Returns:
            The descriptions of what was deleted, or would be; the newest first.

        Raises:
            ConfigurationError: An argument is wrong.
        """
        cutoff = self._store.now() - _seconds(older_than)
        found = self._store.find_sets(until=cutoff, status=read_status(status))
        ended = [record for record in found if 0 < record.finished_at <= cutoff]
        return [record for record in ended if dry_run or self._prune_one(record)]

    def _prune_one(self, record: SetRecord) -> bool:
        # Tried again meanwhile, or deleted by somebody else.
        with contextlib.suppress(InvalidStateError, JobSetNotFoundError):
            self.delete_job_set(record.set_id)
            return True
        return False

    def import_job_set(self, path: str | os.PathLike[str]) -> ManagedJobSet:
        """Read a set that :meth:`ManagedJobSet.export` wrote, here or elsewhere.

        It comes back with its id and all that was known of it, and is kept until it is deleted:
        a retention that was set for it does not come along.  A set that is in the store already,
        the same in all its bytes, is left as it is.

        Args:
            path: The file; it may come from anybody.

        Raises:
            InvalidStateError: The store has another set with this id.
            PayloadTooLargeError: Something in it is larger than its cap.
            VersionMismatchError: A newer Jobset wrote it.
            CodecError: It is no archive of a job set, or damaged.
            ConfigurationError: The file cannot be read.
        """
        record = import_set(self._store, path)
        self._forget(record.set_id)
        return self._handle(record)

    def _forget(self, set_id: str) -> None:
        held = self._handles.get(set_id)
        if held is not None:
            with contextlib.suppress(JobSetNotFoundError):
                held.forget()


def read_status(status: SetStatus | str | None) -> SetStatus | None:
    """Return a set's status, which may be given by its name.

    Raises:
        ConfigurationError: There is no such status.

    >>> read_status("done")
    <SetStatus.DONE: 'done'>
    """
    try:
        return None if status is None else SetStatus(status)
    except ValueError as error:
        known = ", ".join(SetStatus)
        raise ConfigurationError(f"a set's status is one of {known}, not {status!r}") from error


def _text(what: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ConfigurationError(f"{what} must be a string, not a {type(value).__name__}")


def _moment(what: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        # A naive one is local time, as everywhere in Python.
        return value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(
            f"{what} must be a datetime or seconds since the epoch, not {value!r}"
        )
    return float(value)


def _seconds(older_than: object) -> float:
    seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise ConfigurationError(
            f"older_than must be a timedelta or seconds, at least 0, not {older_than!r}"
        )
    return float(seconds)
