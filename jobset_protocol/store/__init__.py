"""The one place where the truth about job sets is kept; see ``base`` for what a store does."""

from jobset_protocol.store.base import ServerReport, Store
from jobset_protocol.store.blobs import BlobStore
from jobset_protocol.store.redis import RedisStore
from jobset_protocol.store.server import open_client, without_password

CLIENT_PATIENCE_SECONDS = 3.0
"""How long a client's call waits for an absent server before it says so."""
WORKER_PATIENCE_SECONDS = 60.0
"""How long a worker's call waits: a server may restart, and the chunk must not suffer."""


def connect(
    url: str,
    *,
    patience_seconds: float = CLIENT_PATIENCE_SECONDS,
    fsync_intents: bool = False,
) -> RedisStore:
    """Return the store at ``url``; nothing is sent before the first call.

    Args:
        url: Of Redis or Valkey.
        patience_seconds: How long a call waits for an absent server.
        fsync_intents: An intent to submit counts when it is on the server's disk (``WAITAOF``,
            from Redis 7.2 on), so that not even a power cut there loses it.

    Raises:
        ConfigurationError: The URL is not one of Redis or Valkey, or the environment names a folder
            for large blobs that cannot be one.
    """
    client = open_client(url, patience_seconds=patience_seconds)
    return RedisStore(client, BlobStore.from_environment(), fsync_intents=fsync_intents)


__all__ = ["RedisStore", "ServerReport", "Store", "connect", "without_password"]
