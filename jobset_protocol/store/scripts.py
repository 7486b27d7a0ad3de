"""Load and call the Lua scripts under ``lua/``, one atomic transition a file."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import redis

_WITHOUT_PRELUDE = frozenset(
    {
        "claim_key",
        "drop_key",
        "lease_due",
        "next_due",
        "read_set",
        "release_slot",
        "schedule",
        "take_slot",
        "wake_waiting",
    }
)
"""Scripts on keys of a backend or of an index, and one that only reads; all others change a set."""


@cache
def _sources() -> Mapping[str, str]:
    folder = resources.files(__package__) / "lua"
    texts = {
        entry.name.removesuffix(".lua"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
    prelude = texts.pop("_prelude")
    return {
        name: text if name in _WITHOUT_PRELUDE else prelude + text for name, text in texts.items()
    }


class Scripts:
    """The scripts on one server, called by their digests.

    A restarted server has forgotten them; they are then loaded again and the call repeated,
    which every script allows.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sources = _sources()
        self._digests: dict[str, str] = {}

    def load(self) -> None:
        """Send every script to the server."""
        with self._client.pipeline(transaction=False) as pipe:
            for text in self._sources.values():
                pipe.script_load(text)
            self._digests = dict(zip(self._sources, pipe.execute(), strict=True))

    def call(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run one script."""
        return self.run([("SCRIPT", name, keys, arguments)])[0]

    def run(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run commands in one round trip; a script is ``("SCRIPT", name, keys, arguments)``."""
        if not self._digests:
            self.load()
        try:
            return self._run_once(commands)
        except redis.exceptions.NoScriptError:
            self.load()
            return self._run_once(commands)

    def _run_once(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        # A pipeline object of redis-py costs more than all that is sent through it: these are
        # the two round trips of every chunk.
        connection = self._client.connection_pool.get_connection()
        try:
            replies: list[Any] = connection.retry.call_with_retry(
                lambda: self._exchange(connection, commands),
                lambda _: connection.disconnect(),
            )
            return replies
        except redis.exceptions.ResponseError:
            # All replies were read.
            raise
        except BaseException:
            # Interrupted: a reply that is still to come must not be the next call's.
            connection.disconnect()
            raise
        finally:
            self._client.connection_pool.release(connection)

    def _exchange(self, connection: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        packed = connection.pack_commands([self._plain(command) for command in commands])
        connection.send_packed_command(packed)
        replies: list[Any] = []
        for command in commands:
            try:
                reply = connection.read_response()
                if command[0] == "HGETALL":
                    reply = dict(zip(reply[::2], reply[1::2], strict=True))
                replies.append(reply)
            except redis.exceptions.ResponseError as error:
                # The other replies must be read, or the next call would get them.
                replies.append(error)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _plain(self, command: tuple[Any, ...]) -> tuple[Any, ...]:
        if command[0] != "SCRIPT":
            return command
        _, name, keys, arguments = command
        return ("EVALSHA", self._digests[name], len(keys), *keys, *arguments)
