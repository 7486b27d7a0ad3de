"""Run large lists of quantum circuits as one job set.

>>> sorted(__all__)
['JobManager', 'LocalCluster', 'ManagedJob', 'ManagedJobSet', 'ManagedResults', 'Plan', 'errors']
"""

import importlib
from typing import TYPE_CHECKING, Any

from jobset_protocol import errors

if TYPE_CHECKING:
    from jobset_client.cluster import LocalCluster
    from jobset_client.job_manager import JobManager
    from jobset_client.managed_job import ManagedJob
    from jobset_client.managed_job_set import ManagedJobSet
    from jobset_client.managed_results import ManagedResults
    from jobset_client.plan import Plan

__all__ = [
    "JobManager",
    "LocalCluster",
    "ManagedJob",
    "ManagedJobSet",
    "ManagedResults",
    "Plan",
    "errors",
]

_HOMES = {
    "JobManager": "jobset_client.job_manager",
    "LocalCluster": "jobset_client.cluster",
    "ManagedJob": "jobset_client.managed_job",
    "ManagedJobSet": "jobset_client.managed_job_set",
    "ManagedResults": "jobset_client.managed_results",
    "Plan": "jobset_client.plan",
}


def __getattr__(name: str) -> Any:
    # The supervisor and `jobset --help` start without qiskit: it takes half a second and 80 MB.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
