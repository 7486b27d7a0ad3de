"""The one place where the truth about job sets is kept; see ``base`` for what a store does."""

from jobset_protocol.store.base import ServerReport, Store
from jobset_protocol.store.blobs import BlobStore
from jobset_protocol.store.redis import RedisStore
from jobset_protocol.store.server import open_client, without_password

CLIENT_PATIENCE_SECONDS = 3.0
"""How long a client's call waits for an absent server before it says so."""
WORKER_PATIENCE_SECONDS = 60.0
"""How long a worker's call waits: a server may restart, and the chunk must not suffer."""


def connect(url: str, *, patience_seconds: float = CLIENT_PATIENCE_SECONDS) -> RedisStore:
    """Return the store at ``url``; nothing is sent before the first call.

    Raises:
        ConfigurationError: The URL is not one of Redis or Valkey, or the environment names a folder
            for large blobs that cannot be one.
    """
    client = open_client(url, patience_seconds=patience_seconds)
    return RedisStore(client, BlobStore.from_environment())


__all__ = ["RedisStore", "ServerReport", "Store", "connect", "without_password"]
