-- Read a set's description at one moment: a chunk that is halved between two reads would be in one only.
-- KEYS: set, tags, parts, ranges.  Returns fields, tags, parts, and ranges if there are any.
return {
  redis.call('HGETALL', KEYS[1]),
  redis.call('SMEMBERS', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  redis.call('GET', KEYS[4]),
}
