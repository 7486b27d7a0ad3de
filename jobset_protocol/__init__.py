"""What client and worker must agree on: words, keys, messages, codecs, the store."""

PROTOCOL_VERSION = 1
"""Raised when a stored form changes so that an older side cannot read it."""
