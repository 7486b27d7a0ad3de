"""Which systems take part in which workload, Jobset first."""

from importlib import util
from pkgutil import resolve_name

from jobset_bench.systems.base import RunningSystem, SendingSystem
from jobset_bench.workloads import WorkloadName

DASK_HINT = "dask is not installed, so its rows are left out: pip install 'jobset[bench]'"

_JOBSET = "jobset_bench.systems.jobset:Jobset"
_CELERY = "jobset_bench.systems.plain_celery:PlainCelery"
_CELERY_THREADS = "jobset_bench.systems.plain_celery:PlainCeleryWithDefaultThreads"
_CELERY_INTERVAL = "jobset_bench.systems.plain_celery:PlainCeleryWithShortInterval"
_DASK = "jobset_bench.systems.dask_distributed:DaskDistributed"
_DIRECT = "jobset_bench.systems.direct:DirectAer"

# Names, not classes: dask and qiskit-aer are extras, imported only when they take part.
_RUNNING = {
    WorkloadName.INSTANT: (_JOBSET, _CELERY, _CELERY_INTERVAL, _DASK),
    WorkloadName.AER: (_JOBSET, _CELERY, _CELERY_THREADS, _DASK, _DIRECT),
}
_SENDING = (
    "jobset_bench.systems.jobset:JobsetSender",
    "jobset_bench.systems.plain_celery:PlainCelerySender",
)


def dask_is_installed() -> bool:
    """Tell whether Dask can take part."""
    return util.find_spec("distributed") is not None


def running_systems(name: WorkloadName) -> list[RunningSystem]:
    """Return what takes part in a workload of circuits; nothing is started yet."""
    names = [system for system in _RUNNING[name] if system != _DASK or dask_is_installed()]
    return [resolve_name(system)() for system in names]


def sending_systems() -> list[SendingSystem]:
    """Return what takes part in sending; nothing is started yet."""
    return [resolve_name(system)() for system in _SENDING]
