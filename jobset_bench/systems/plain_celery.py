"""Plain Celery: ``group`` and ``join_native``, prefork, a Redis result backend."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from celery import group, states
from celery.exceptions import TimeoutError as CeleryTimeoutError

from jobset_bench.chunk_work import encode
from jobset_bench.server import private_valkey
from jobset_bench.systems.base import WAIT_SECONDS, WORKERS, RunningSystem, SendingSystem
from jobset_bench.systems.celery_app import TASK, make_app
from jobset_bench.systems.celery_worker import celery_worker
from jobset_bench.workloads import Counts, Workload, WorkloadName
from jobset_protocol.errors import JobSetTimeoutError
from jobset_protocol.urls import broker_url


class PlainCelery(RunningSystem):
    """A client and one prefork worker of two processes."""

    name = "celery"
    setting = f"{WORKERS} × 1"
    default_threads: ClassVar[bool] = False
    join_interval_seconds: ClassVar[float] = 0.5

    def __init__(self) -> None:
        super().__init__()
        self._app: Any = None

    def start(self, stack: ExitStack) -> None:
        """See :meth:`System.start`."""
        url = broker_url(stack.enter_context(private_valkey()))
        self._app = make_app(url)
        stack.callback(self._app.close)
        worker = celery_worker(self._app, url, default_threads=self.default_threads)
        stack.enter_context(worker)

    def run(self, workload: Workload) -> Sequence[Counts]:
        """See :meth:`RunningSystem.run`."""
        result = group(signatures(self._app, workload), app=self._app).apply_async()
        try:
            chunks = result.join_native(timeout=WAIT_SECONDS, interval=self.join_interval_seconds)
        except CeleryTimeoutError as error:
            for pending in result.results:
                # Else its destructor looks for a server that is gone by then.
                pending.backend = None
            raise JobSetTimeoutError(
                f"plain Celery did not end within {WAIT_SECONDS:.0f} s; try `jobset bench --quick`"
            ) from error
        return [counts for chunk in chunks for counts in chunk]


class PlainCeleryWithDefaultThreads(PlainCelery):
    """As it comes: each process starts an OpenMP thread a core."""

    name = "celery (default threads)"
    setting = f"{WORKERS} × cores"
    default_threads = True


class PlainCeleryWithShortInterval(PlainCelery):
    """With ``join_native(interval=0.01)``: as it comes, it sleeps half a second before it looks."""

    name = "celery (interval 0.01)"
    join_interval_seconds = 0.01


class PlainCelerySender(SendingSystem):
    """The client alone; the result backend is on, as ``join_native`` would need it."""

    name = "celery"
    setting = "client"

    def __init__(self) -> None:
        super().__init__()
        self._app: Any = None
        self._sent: Any = None

    def start(self, stack: ExitStack) -> None:
        """See :meth:`System.start`."""
        url = broker_url(stack.enter_context(private_valkey()))
        self._app = make_app(url)
        stack.callback(self._app.close)
        # Results say good-bye to the result backend when they are dropped: while it still lives.
        stack.callback(self._drop_sent)

    def send(self, workload: Workload) -> None:
        """See :meth:`SendingSystem.send`."""
        self._sent = group(signatures(self._app, workload), app=self._app).apply_async()

    def statuses(self) -> Sequence[object]:
        """See :meth:`SendingSystem.statuses`."""
        backend = self._app.backend
        found = backend.mget([backend.get_key_for_task(task.id) for task in self._sent.results])
        return [
            states.PENDING if not meta else backend.decode_result(meta)["status"] for meta in found
        ]

    def _drop_sent(self) -> None:
        self._sent = None


def signatures(app: Any, workload: Workload) -> Iterator[Any]:
    """Encode every chunk into a signature, while the ones before it are being sent."""
    task = app.tasks[TASK]
    # What is only sent is never asked which work it stands for.
    kind = WorkloadName.AER if workload.name is WorkloadName.AER else WorkloadName.INSTANT
    for start in workload.starts:
        payload = base64.b64encode(encode(workload.chunk(start))).decode("ascii")
        yield task.s(kind.value, payload, workload.shots, workload.chunk_seed(start))
