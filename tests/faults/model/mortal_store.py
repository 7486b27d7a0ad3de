"""The product's store, used by callers who may die, pause or resend between any two commands."""

from collections.abc import Sequence
from typing import Any

from jobset_protocol.messages import ChunkKey, Claim
from jobset_protocol.store import RedisStore
from jobset_protocol.store.scripts import Scripts
from jobset_protocol.store.server import open_client
from tests.faults.model.fates import Command, Lifeline


class _MortalScripts(Scripts):
    def __init__(self, client: Any, lifeline: Lifeline) -> None:
        super().__init__(client)
        self._lifeline = lifeline

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands, or those that the fate lets through."""
        return self._lifeline.send(commands, super().run)


class _MortalClient:
    """A client each of whose methods is one command."""

    def __init__(self, client: Any, lifeline: Lifeline) -> None:
        self._client = client
        self._lifeline = lifeline

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            [reply] = self._lifeline.send([(name,)], lambda _: [method(*arguments, **options)])
            return reply

        return call

    def close(self) -> None:
        self._client.close()


class MortalStore(RedisStore):
    """A store whose every command passes a lifeline, and which remembers the claims it gave.

    Args:
        url: Of the server.
        lifeline: Of whoever acts.
    """

    def __init__(self, url: str, lifeline: Lifeline) -> None:
        client = open_client(url, patience_seconds=3.0)
        super().__init__(client)
        self.client = _MortalClient(client, lifeline)
        self.scripts = _MortalScripts(client, lifeline)
        self.claims: list[Claim] = []

    def claim(self, key: ChunkKey, **arguments: Any) -> tuple[Claim, bytes] | None:
        """Remember the claim."""
        taken = super().claim(key, **arguments)
        if taken:
            self.claims.append(taken[0])
        return taken

    def claim_collection(self, key: ChunkKey, **arguments: Any) -> Claim | None:
        """Remember the claim."""
        claim = super().claim_collection(key, **arguments)
        if claim:
            self.claims.append(claim)
        return claim
