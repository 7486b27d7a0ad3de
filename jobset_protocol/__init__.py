"""What client and worker must agree on: words, keys, messages, codecs, the store."""
