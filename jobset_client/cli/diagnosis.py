"""What ``jobset doctor`` looks at, and what it makes of it.

Every check is a function from facts to findings.
"""

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jobset_client.cli.text import duration, plural
from jobset_client.cli.versions import installed
from jobset_client.supervision.status import ClusterStatus, ProcessState
from jobset_protocol.errors import JobSetError
from jobset_protocol.store import Store

_PACKAGES = ("jobset", "qiskit", "celery")
_EXTRAS = {"qiskit-aer": "aer", "qiskit-qasm3-import": "qasm3"}
_MOST_CLOCK_DIFFERENCE_SECONDS = 5.0


class Level(StrEnum):
    """How bad a finding is."""

    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"

    @property
    def sign(self) -> str:
        """One character for people."""
        return {"fine": "✓", "warning": "!", "problem": "✗"}[self.value]

    @property
    def style(self) -> str:
        """Its colour."""
        return {"fine": "green", "warning": "yellow", "problem": "red"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Args:
        subject: What was looked at.
        level: How bad it is.
        message: What was found.
        advice: What to do; empty when nothing is.
    """

    subject: str
    level: Level
    message: str
    advice: str = ""


def check_installation() -> Iterator[Finding]:
    """Look at what is installed here."""
    versions = [f"python {platform.python_version()}"]
    versions += [f"{package} {installed(package) or 'unknown'}" for package in _PACKAGES]
    extras = [f"{package} {version}" for package in _EXTRAS if (version := installed(package))]
    missing = [extra for package, extra in _EXTRAS.items() if not installed(package)]
    without = f"; without the extras {', '.join(missing)}" if missing else ""
    yield Finding("installation", Level.FINE, ", ".join(versions + extras) + without)


def check_cluster(status: ClusterStatus) -> Iterator[Finding]:
    """Look at the processes of the local cluster, which is what commands use."""
    subject = "local cluster"
    if not status.running:
        yield Finding(
            subject,
            Level.PROBLEM,
            "it does not run, and no other server is named",
            "start it with `jobset up`, or name a server with --url or JOBSET_URL",
        )
        return
    up = duration(status.uptime_seconds or 0.0)
    processes = plural(len(status.processes), "process", "processes")
    yield Finding(subject, Level.FINE, f"{processes}, up for {up}")
    for process in status.processes:
        log = f"see {status.directory / 'logs' / process.name}.log"
        if process.state is not ProcessState.RUNNING:
            yield Finding(subject, Level.PROBLEM, f"{process.name} is {process.state}", log)
        elif process.restarts:
            times = plural(process.restarts, "time")
            yield Finding(subject, Level.WARNING, f"{process.name} was restarted {times}", log)


def check_server(store: Store, shown_url: str) -> Iterator[Finding]:
    """Look at the server's version, its settings, its identity and its clock.

    Raises:
        StoreUnavailableError: It does not answer.
    """
    report = store.check_server()
    yield Finding("server", Level.FINE, f"{report.product} {report.version} at {shown_url}")
    for problem in report.problems:
        yield Finding("server", Level.PROBLEM, problem)
    for warning in report.warnings:
        yield Finding("server", Level.WARNING, warning)
    if not (report.problems or report.warnings):
        yield Finding("server", Level.FINE, "nothing is evicted, and writes are kept on disk")
    epoch = store.epoch()
    if epoch is None:
        yield Finding(
            "store",
            Level.WARNING,
            "it has no identity: it is new, or has lost its data",
            "if it held job sets, restore it; otherwise start workers, which make one",
        )
    else:
        yield Finding("store", Level.FINE, f"its identity is {epoch[:8]}")
    yield _clock(store)


def check_workers(store: Store) -> Iterator[Finding]:
    """Look at who is alive, and which backends nobody serves."""
    alive = store.workers()
    workers = [record for record in alive if record.role == "worker"]
    watchers = [record for record in alive if record.role == "watcher"]
    served = {alias for record in workers for alias in record.backends}
    watched = {alias for record in watchers for alias in record.backends}
    remote = set()
    yield _living("worker", len(workers), Level.PROBLEM, "every job set stays queued")
    yield _living("watcher", len(watchers), Level.WARNING, "nothing is polled or recovered")
    for alias, spec in sorted(store.backends().items()):
        if not spec.local:
            remote.add(alias)
        if alias not in served:
            yield Finding(
                "backends",
                Level.WARNING,
                f"no live worker serves {alias!r}: its chunks stay queued",
                "start a worker whose configuration names it",
            )
    for alias in sorted(remote & served - watched):
        yield Finding(
            "backends",
            Level.WARNING,
            f"no live watcher polls {alias!r}: its results are not collected",
            "start a watcher with the workers' configuration",
        )
    if served:
        yield Finding("backends", Level.FINE, f"served now: {', '.join(sorted(served))}")
    yield from _other_versions({record.versions.get("jobset", "unknown") for record in alive})


def check_messages(store: Store) -> Iterator[Finding]:
    """Look for messages that nobody could read."""
    aside = store.messages_set_aside()
    if aside:
        yield Finding(
            "messages",
            Level.WARNING,
            f"{plural(len(aside), 'message')} could not be read and was set aside; the newest: "
            f"{aside[0][:200]}",
            "see who else writes to this broker",
        )
    else:
        yield Finding("messages", Level.FINE, "none was set aside")


def unreachable(error: JobSetError) -> Finding:
    """Return what a failed look at the server means."""
    return Finding("server", Level.PROBLEM, str(error))


def _clock(store: Store) -> Finding:
    difference = store.now() - time.time()
    if abs(difference) < _MOST_CLOCK_DIFFERENCE_SECONDS:
        return Finding("clock", Level.FINE, "the server's and this machine's agree")
    direction = "ahead of" if difference > 0 else "behind"
    return Finding(
        "clock",
        Level.WARNING,
        f"the server's is {duration(abs(difference))} {direction} this machine's: ages are "
        "shown wrong, though nothing else depends on it",
        "let both follow a time server",
    )


def _living(role: str, count: int, level_without: Level, without: str) -> Finding:
    if count:
        return Finding(f"{role}s", Level.FINE, f"{count} alive")
    advice = f"start one with `jobset {role}`, or a local cluster with `jobset up`"
    return Finding(f"{role}s", level_without, f"none is alive: {without}", advice)


def _other_versions(versions: set[str]) -> Iterator[Finding]:
    here = installed("jobset") or "unknown"
    others = sorted(versions - {here})
    if others:
        yield Finding(
            "versions",
            Level.WARNING,
            f"workers run jobset {', '.join(others)}, and this is {here}",
            "bring both to the same version",
        )
