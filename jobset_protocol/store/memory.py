"""The store without a server, for unit tests: the same scripts, run by fakeredis in process."""

from jobset_protocol.store.base import ServerReport
from jobset_protocol.store.redis import RedisStore


class MemoryStore(RedisStore):
    """A :class:`RedisStore` whose server is an object of this process."""

    def check_server(self) -> ServerReport:
        """Return that nothing is wrong: fakeredis has no ``INFO``."""
        return ServerReport("memory", "0")


def memory_store() -> MemoryStore:
    """Return an empty store; it needs the extra ``test``."""
    import fakeredis  # noqa: PLC0415  (only tests have it)

    return MemoryStore(fakeredis.FakeRedis(server=fakeredis.FakeServer(), protocol=2))
