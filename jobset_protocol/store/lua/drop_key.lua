-- Free an idempotency key, if it still stands for this set.  KEYS: key.  ARGV: set id.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 'ok'
