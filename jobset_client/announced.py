"""The backends that workers have announced, as a manager asks for them."""

import logging

from jobset_protocol.errors import BackendNotFoundError
from jobset_protocol.messages import BackendSpec
from jobset_protocol.store import Store

_log = logging.getLogger(__name__)


class AnnouncedBackends:
    """Finds what workers announced of a backend.

    Args:
        store: Where they announce.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unserved: set[str] = set()

    def find(self, backend: object) -> BackendSpec:
        """Return what is announced of a backend.

        Args:
            backend: Its alias, or an object whose ``name`` is one.

        Raises:
            BackendNotFoundError: No worker has announced it.
        """
        alias = backend if isinstance(backend, str) else getattr(backend, "name", None)
        specs = self._store.backends()
        spec = specs.get(alias) if isinstance(alias, str) else None
        if spec is not None:
            return spec
        if backend is None:
            shown = "was given"
        else:
            shown = repr(alias) if isinstance(alias, str) else f"for a {type(backend).__name__}"
        if not specs:
            raise BackendNotFoundError(
                f"no backend {shown}: no worker has announced any yet; start one with "
                "`jobset worker`, or a local cluster with `jobset up`"
            )
        hint = ""
        if "aer" in specs and type(backend).__module__.partition(".")[0] == "qiskit_aer":
            hint = ": use the alias 'aer', the simulator of the workers"
        raise BackendNotFoundError(
            f"no backend {shown}{hint}; workers have announced: {', '.join(sorted(specs))}"
        )

    def warn_if_unserved(self, alias: str) -> None:
        """Log a warning when no live worker serves a backend; once, until one does."""
        served = any(
            worker.role == "worker" and alias in worker.backends for worker in self._store.workers()
        )
        if served:
            self._unserved.discard(alias)
        elif alias not in self._unserved:
            self._unserved.add(alias)
            _log.warning(
                "no live worker serves backend %r: the job set is queued until one starts", alias
            )
