-- Take one of a backend's slots, or join those that wait for one.
-- KEYS: slots, waiting.  ARGV: member, most slots.  Slots have no TTL: only a release frees one.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 1
end
local time = redis.call('TIME')
local moment = string.format('%d.%06d', time[1], time[2])
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], moment, ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
redis.call('ZADD', KEYS[2], 'NX', moment, ARGV[1])
return 0
