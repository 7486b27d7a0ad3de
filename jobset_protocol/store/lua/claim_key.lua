-- Name the set that an idempotency key stands for, unless it stands for one that is there.
-- KEYS: key.  ARGV: set id, id of a set that is known to be gone or ''.  Returns the id that holds it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then
  return holder
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
