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
begin_attempt(KEYS[6], current)
redis.call('HSET', chunk, 'retry_token', token)
redis.call('HDEL', set, 'cancelled', 'finished_at')
redis.call('HINCRBY', counts, 'left', 1)
move(index, current, 'Q')
return 'ok'
