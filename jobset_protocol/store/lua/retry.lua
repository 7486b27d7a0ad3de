-- Begin a new attempt at a chunk that failed or was cancelled.
-- KEYS[6], [7]: history, the payload that holds the chunk's circuits.  ARGV: index, token of this call.
-- Returns 'ok', 'no' when there is nothing to retry, or 'lost' without circuits.
local index, token = unpack(ARGV)
local current = status_at(index)
if redis.call('HGET', chunk, 'retry_token') == token then
  return 'ok'
end
if not is_one_of(current, 'FX') then
  return 'no'
end
if redis.call('EXISTS', KEYS[7]) == 0 then
  return 'lost'
end
redis.call('HSETNX', chunk, 'attempt', 1)
local past = redis.call('HMGET', chunk, 'attempt', 'reference', 'error', 'finished_at')
redis.call('RPUSH', KEYS[6], cjson.encode({past[1], current, past[2] or '', past[3] or '', past[4] or '0'}))
for _, name in ipairs(redis.call('HKEYS', chunk)) do
  if name ~= 'fence' and name ~= 'attempt' then
    redis.call('HDEL', chunk, name)
  end
end
redis.call('HINCRBY', chunk, 'fence', 1)
redis.call('HINCRBY', chunk, 'attempt', 1)
redis.call('HSET', chunk, 'queued_at', now(), 'retry_token', token)
redis.call('HDEL', set, 'cancelled', 'finished_at')
redis.call('HINCRBY', counts, 'left', 1)
move(index, current, 'Q')
return 'ok'
