"""A worker that hurts itself at a step of a chunk's life: ``python -m tests.faults.self_hurting``.

``HURT`` is a JSON object: ``directory`` for a file a blow, ``act`` (``kill`` or ``freeze``),
and ``steps``: those at which the chunks are struck in turn, chunk by chunk, once each.  The steps
are those between which a crash can leave the store and the provider in different minds.
"""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobset_protocol.messages import ChunkKey, Claim
from jobset_protocol.store import RedisStore
from worker.__main__ import main
from worker.providers.fake_remote import FakeRemoteProvider

BEFORE_INTENT = "before the intent"
INTENDED = "between intent and submission"
POISED = "before the request"
SUBMITTED = "between submission and record"
RECORDED = "behind the record"
COLLECTING = "before the result is fetched"
FETCHED = "between result and final status"

_MOMENTS = {
    BEFORE_INTENT: ("intend", "before"),
    INTENDED: ("intend", "after"),
    POISED: ("submit", "before"),
    SUBMITTED: ("submitted", "before"),
    RECORDED: ("submitted", "after"),
    COLLECTING: ("claim_collection", "after"),
    FETCHED: ("finish", "before"),
}
"""Step → the method, of the store or the provider, around which it is."""


class Blows:
    """Who is struck where, and who was struck already."""

    def __init__(self, directory: str, act: str, steps: list[str]) -> None:
        self._directory = Path(directory)
        self._act = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}[act]
        self._steps = steps

    def strike(self, key: ChunkKey, method: str, when: str) -> None:
        """Hurt this process if the chunk is to be struck here, and was not yet."""
        step = self._steps[key.index % len(self._steps)]
        if _MOMENTS[step] != (method, when):
            return
        try:
            mark = os.open(self._directory / str(key.index), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return
        os.write(mark, str(os.getpid()).encode())
        os.close(mark)
        os.kill(os.getpid(), self._act)


def install(blows: Blows) -> None:
    """Put the blows around the methods."""
    for name in {method for method, _ in _MOMENTS.values()} - {"submit"}:
        setattr(RedisStore, name, _struck(getattr(RedisStore, name), name, blows))
    submit = FakeRemoteProvider.submit

    def struck_submit(self: FakeRemoteProvider, *args: Any, tag: str, **kwargs: Any) -> Any:
        _, set_id, index, _ = tag.split("-")
        blows.strike(ChunkKey(set_id, int(index)), "submit", "before")
        return submit(self, *args, tag=tag, **kwargs)

    FakeRemoteProvider.submit = struck_submit  # type: ignore[method-assign]


def _struck(method: Callable[..., Any], name: str, blows: Blows) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: RedisStore, subject: Claim | ChunkKey, *args: Any, **kwargs: Any) -> Any:
        key = subject.key if isinstance(subject, Claim) else subject
        blows.strike(key, name, "before")
        answer = method(self, subject, *args, **kwargs)
        blows.strike(key, name, "after")
        return answer

    return call


if __name__ == "__main__":
    install(Blows(**json.loads(os.environ["HURT"])))
    sys.exit(main())
