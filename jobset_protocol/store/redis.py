"""The store on one Redis or Valkey server."""

from jobset_protocol.store.backends import RedisBackends
from jobset_protocol.store.chunks import RedisChunks
from jobset_protocol.store.imports import RedisImports
from jobset_protocol.store.resolutions import RedisResolutions
from jobset_protocol.store.sets import RedisSets


class RedisStore(RedisSets, RedisResolutions, RedisImports, RedisChunks, RedisBackends):
    """See :class:`jobset_protocol.store.base.Store`; the three sides are in files of their own."""
