"""What a person says of chunks that are UNCERTAIN, put into effect."""

import uuid
from collections.abc import Sequence
from typing import Any

from jobset_protocol import keys
from jobset_protocol.errors import InvalidStateError
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Resolution
from jobset_protocol.store.catalogue import enlist, not_found
from jobset_protocol.store.records import encode_error, encode_reference, text
from jobset_protocol.store.server import RedisServer, translated
from jobset_protocol.store.sets import circuits_lost

_SHOWN = 10
_INSTEAD = "is:"


class RedisResolutions(RedisServer):
    """The part of :class:`jobset_protocol.store.base.SetStore` that settles what is uncertain."""

    @translated
    def resolve(self, job_set: SetRecord, resolutions: Sequence[Resolution]) -> None:
        """See :meth:`SetStore.resolve`."""
        token = uuid.uuid4().hex
        set_id = job_set.set_id
        commands = [_command(job_set, resolution, token) for resolution in resolutions]
        # Before and after: a sweep may settle the set meanwhile, and must not miss a live one.
        lives = any(each.status is not ChunkStatus.FAILED for each in resolutions)
        listed = [enlist(set_id)] if lives else []
        replies = self.scripts.run([*listed, *commands, *listed])[len(listed) :]
        outcomes = [
            (resolution, text(reply))
            for resolution, reply in zip(resolutions, replies[: len(commands)], strict=True)
        ]
        self._poll_at_once(job_set, [each for each, outcome in outcomes if outcome == "ok"])
        _refuse(set_id, {each.index: outcome for each, outcome in outcomes if outcome != "ok"})

    def _poll_at_once(self, job_set: SetRecord, resolved: Sequence[Resolution]) -> None:
        arguments: list[Any] = ["0"]
        for resolution in resolved:
            if resolution.status is ChunkStatus.SUBMITTED:
                arguments += [str(ChunkKey(job_set.set_id, resolution.index)), 0]
        if len(arguments) > 1:
            self.scripts.call("schedule", [keys.backend(job_set.backend, "due")], arguments)


def _command(job_set: SetRecord, resolution: Resolution, token: str) -> tuple[Any, ...]:
    set_id, index = job_set.set_id, resolution.index
    script_keys = [
        *keys.of_script(set_id, keys.chunk(set_id, index)),
        keys.chunk(set_id, index, "history"),
        keys.chunk(set_id, job_set.source_of(index), "payload"),
    ]
    reference = encode_reference(resolution.reference) if resolution.reference else ""
    arguments = [index, token, resolution.status.code, reference, encode_error(resolution.error)]
    return ("SCRIPT", "resolve", script_keys, arguments)


def _refuse(set_id: str, outcomes: dict[int, str]) -> None:
    """Raise what fits the chunks that were not resolved, if there are any."""
    if _INSTEAD in outcomes.values():
        raise not_found(set_id)
    lost = [index for index, outcome in outcomes.items() if outcome == "lost"]
    if lost:
        raise circuits_lost(set_id, lost)
    others = [
        f"chunk {index} is {ChunkStatus.from_code(outcome.removeprefix(_INSTEAD))}"
        for index, outcome in outcomes.items()
    ]
    if others:
        more = ", …" if len(others) > _SHOWN else ""
        raise InvalidStateError(
            f"only an uncertain chunk can be resolved, and of job set {set_id} "
            f"{', '.join(others[:_SHOWN])}{more}: look at the set again"
        )
