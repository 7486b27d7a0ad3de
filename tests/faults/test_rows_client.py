"""Row 9: a client is killed.  Row 16: a client is given more than anybody takes."""

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from jobset_client import JobManager, ManagedJobSet
from jobset_protocol.errors import (
    ConfigurationError,
    InvalidExperimentsError,
    InvalidOptionsError,
    JobSetError,
    PayloadTooLargeError,
)
from jobset_protocol.messages import MAX_CHUNKS, BackendSpec, WorkerRecord
from jobset_protocol.statuses import ChunkStatus
from tests.circuits import small_circuits
from tests.faults import dying_clients
from tests.faults.fleet import ALIAS, Fleet
from tests.faults.processes import Member, alive
from tests.faults.rows import FULL, row, sized
from tests.support import wait_until

pytestmark = pytest.mark.timeout(300)

CHUNKS = sized(full=200, short=15)
SENDING = (dying_clients.KEYED, dying_clients.STORED, dying_clients.SENT)
NEVER_SENT = {ChunkStatus.UNSENT, ChunkStatus.FAILED}
"""They are FAILED from the moment on when the watcher gave them up."""
SILENCE = {"JOBSET_CLIENT_SILENCE_SECONDS": "2"}
LAB = BackendSpec("lab", "mine", False, 17, num_qubits=127, max_bytes=5_000_000, max_shots=10_000,
                  max_executions=1_000_000)  # fmt: skip
BARE = BackendSpec("bare", "mine", False, 17)
REFUSED_WITHIN_SECONDS = 1.0


class Clients:
    """Processes that run sets and are killed; the step at which each dies is its set's name."""

    def __init__(self, fleet: Fleet, directory: Path, keys: dict[str, str | None]) -> None:
        directory.mkdir()
        self._directory = directory
        clients: list[dict[str, Any]] = [
            {"name": step, "key": key, "chunks": CHUNKS, "step": step.removeprefix("no key, ")}
            for step, key in keys.items()
        ]
        plan = json.dumps({"directory": str(directory), "clients": clients})
        command = [sys.executable, "-m", dying_clients.__name__]
        environment = {"CLIENTS": plan, "JOBSET_URL": fleet.valkey.url}
        self._parent = Member("clients", command, environment, directory)
        fleet.members.append(self._parent)

    def kill(self, step: str) -> None:
        """Kill a client that lives."""
        pid = int((self._directory / f"{step}.pid").read_text())
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)

    def require_killed(self, step: str) -> None:
        """Wait for a client's end, and demand that it was killed -9."""
        end = self._directory / f"{step}.end"
        wait_until(end.exists, description=f"the client's end {step}", timeout_seconds=40)
        assert int(end.read_text()) == -signal.SIGKILL, self._parent.tail()


def found(manager: JobManager, step: str) -> ManagedJobSet:
    """Find what a client began, from another process, by its id."""
    [job_set] = manager.job_sets(name=step)
    return manager.retrieve_job_set(job_set.job_set_id())


def run_again(manager: JobManager, step: str) -> ManagedJobSet:
    return manager.run(
        small_circuits(CHUNKS), ALIAS, name=f"again: {step}", max_experiments_per_job=1, shots=10,
        idempotency_key=step,
    )  # fmt: skip


def test_row_9_client_killed_while_it_waits_and_while_it_sends(
    fleet: Fleet, tmp_path: Path
) -> None:
    keyless = f"no key, {dying_clients.SENT}"
    keys: dict[str, str | None] = {
        step: step for step in (*SENDING, dying_clients.CREATED, dying_clients.WAITING)
    }
    fleet.behave(run_seconds=1.0)
    clients = Clients(fleet, tmp_path / "clients", {**keys, keyless: None})
    fleet.start_watcher(environment=SILENCE, wait=False)
    fleet.start_worker(wait=False)
    with (
        fleet.manager() as manager,
        row(9, "client killed -9 at each of 6 steps", within_seconds=60) as this,
    ):
        for step in (*SENDING, dying_clients.CREATED, keyless):
            clients.require_killed(step)
        sent_without_key = sent(found(manager, keyless))
        waited_for = wait_until(
            lambda: manager.job_sets(name=dying_clients.WAITING), description="the waiting client"
        )[0]
        wait_until(
            lambda: not NEVER_SENT & set(waited_for.chunk_statuses()), description="its chunks"
        )
        clients.kill(dying_clients.WAITING)
        clients.require_killed(dying_clients.WAITING)
        statuses = found(manager, dying_clients.WAITING).chunk_statuses()
        assert not all(status.is_final for status in statuses)
        this.kills = len(keys) + 1
        # Then whoever runs the same again sends the rest of the same set
        for step in SENDING:
            begun = found(manager, step)
            if step == dying_clients.KEYED:
                assert sent(begun) == 0
            else:
                assert 0 < sent(begun) < CHUNKS
            assert run_again(manager, step) == begun
            this.judge(fleet, begun, timeout_seconds=50)
        # A set that never got its key is nobody's, and was not begun
        assert run_again(manager, dying_clients.CREATED) != found(manager, dying_clients.CREATED)
        this.judge(fleet, found(manager, f"again: {dying_clients.CREATED}"), timeout_seconds=50)
        # What was sent whole goes on without any client
        this.judge(fleet, found(manager, dying_clients.WAITING), timeout_seconds=50)
        # And without a key the rest ends, with its reason
        require_typed_end(fleet, found(manager, dying_clients.CREATED), done=0)
        require_typed_end(fleet, found(manager, keyless), done=sent_without_key)
        assert 0 < sent_without_key < CHUNKS


def sent(job_set: ManagedJobSet) -> int:
    """Return how many chunks a client has sent; the first ones are those."""
    return sum(status not in NEVER_SENT for status in job_set.chunk_statuses())


def require_typed_end(fleet: Fleet, job_set: ManagedJobSet, *, done: int) -> None:
    """Demand that what was sent is done, once each, and that the rest says why it is not."""
    job_set.results(timeout=30, partial=True)
    rest = [ChunkStatus.FAILED] * (CHUNKS - done)
    assert job_set.chunk_statuses() == [ChunkStatus.DONE] * done + rest
    errors = [chunk.error for chunk in job_set.chunk_records()[done:]]
    assert {error.type for error in errors if error} == {"ClientLost"}
    assert all(error and "run them again" in error.message for error in errors)
    assert list(fleet.submissions_of(job_set.job_set_id()).values()) == [1] * done


def deep(instructions: int) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="deep")
    pair = QuantumCircuit(2)
    pair.cx(0, 1)
    pair.rz(0.5, 0)
    for instruction in itertools.islice(itertools.cycle(pair.data), instructions):
        circuit._append(instruction)
    return circuit


def matrix(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name="matrix")
    circuit.append(UnitaryGate(np.eye(2**qubits), check_input=False), range(qubits))
    return circuit


def oversized() -> Iterator[tuple[str, Any, dict[str, Any], type[JobSetError], str]]:
    """Yield backend, circuits, arguments, the error, and what it must say."""
    small = small_circuits(2)
    wide = QuantumCircuit(128, name="wide")
    several, too_large = "several smaller circuits", PayloadTooLargeError
    yield "lab", [*small, deep(200_000)], {}, too_large, rf"\[2\] \('deep'\).* 5,000,000.*{several}"
    yield "lab", iter([deep(200_000)]), {}, too_large, rf"\[0\] \('deep'\).*{several}"
    yield "lab", matrix(10), {}, too_large, rf"\[0\] \('matrix'\).*{several}"
    yield "lab", [*small, wide], {}, InvalidExperimentsError, r"\[2\] \('wide'\) has 128.*transpile"
    yield "lab", small, {"shots": 10_001}, InvalidOptionsError, r"shots=10001 .*allows \(10000\)"
    many = {"max_experiments_per_job": 1}
    yield "bare", small * MAX_CHUNKS, many, ConfigurationError, "raise max_experiments_per_job"
    if FULL:
        huge = deep(6_000_000)
        yield "bare", huge, {}, too_large, rf"\[0\] \('deep'\).* 268,435,456.*{several}"
    wider = QuantumCircuit(10_001, name="wider")
    yield "bare", [*small, wider], {}, too_large, rf"\[2\] \('wider'\) has 10,001 qubits.*{several}"
    note = {"note": os.urandom(5_000_000)}
    yield "bare", small, note, InvalidOptionsError, "'note'.* configure it with the worker"


@contextmanager
def nothing_stays(fleet: Fleet) -> Iterator[None]:
    before = sorted(fleet.store.client.keys())
    yield
    assert sorted(fleet.store.client.keys()) == before
    assert fleet.provider.stats()["tags"] == {}


def test_row_16_oversized_circuits(fleet: Fleet) -> None:
    fleet.store.require_epoch()
    record = WorkerRecord("w1", "worker", "here", 1, ["lab", "bare"])
    fleet.store.announce(record, [LAB, BARE], ttl_seconds=300)
    slowest = 0.0
    with (
        fleet.manager() as manager,
        row(16, "oversized circuits: refused at once", within_seconds=60) as this,
        nothing_stays(fleet),
    ):
        for alias, circuits, arguments, error, says in oversized():
            begun = time.monotonic()
            with pytest.raises(error, match=says):
                manager.run(circuits, alias, **arguments)
            slowest = max(slowest, time.monotonic() - begun)
            assert slowest <= REFUSED_WITHIN_SECONDS, says
        this.fault = f"oversized circuits, each refused in {slowest:.2f} s"
        this.judged = True
