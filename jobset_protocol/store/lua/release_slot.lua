-- Give a slot back and take the longest waiting chunk off the list, for the caller to wake.
-- KEYS: slots, waiting.  ARGV: member.
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then
  return {}
end
return {(redis.call('ZPOPMIN', KEYS[2], 1))[1]}
