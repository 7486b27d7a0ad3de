-- A person says what became of a chunk that is UNCERTAIN: it has a job, it has none, or it is given up.
-- KEYS[6], [7]: history, the payload that holds the chunk's circuits.
-- ARGV: index, token of this call, code that it gets, reference or '', error or ''.
-- Returns 'ok', 'lost' without circuits to submit again, or 'is:' and the code that it has instead.
local index, token, to, reference, error = unpack(ARGV)
local current = status_at(index)
if redis.call('HGET', chunk, 'resolve_token') == token then
  return 'ok'
end
if current ~= 'U' then
  return 'is:' .. current
end
if to == 'Q' and redis.call('EXISTS', KEYS[7]) == 0 then
  return 'lost'
end

local function attach()
  local job = cjson.decode(reference)[1]
  local before = redis.call('HGET', chunk, 'reference')
  redis.call('HDEL', chunk, 'error', 'doubt_since', 'running_at', 'finished_at', 'extra:' .. job)
  redis.call('HSET', chunk, 'reference', reference, 'submitted_at', now())
  redis.call('HINCRBY', chunk, 'fence', 1)
  local known = before and cjson.decode(before)
  local named = redis.call('HGET', chunk, 'named_job')
  redis.call('HSET', chunk, 'named_job', job)
  if known and known[1] ~= job and known[1] ~= named then
    -- The provider had taken it, whatever it says now.  One that a person named may be a slip.
    local attempt = tonumber(redis.call('HGET', chunk, 'attempt'))
    redis.call('HSETNX', chunk, 'extra:' .. known[1],
      cjson.encode({known[1], known[2], attempt, 0, now()}))
  end
end

if to == 'Q' then
  begin_attempt(KEYS[6], current)
elseif to == 'S' then
  attach()
else
  redis.call('HSET', chunk, 'error', error, 'finished_at', now())
  redis.call('HINCRBY', chunk, 'fence', 1)
end
if to ~= 'F' then
  redis.call('HDEL', set, 'cancelled', 'finished_at')
end
redis.call('HSET', chunk, 'resolve_token', token)
redis.call('HINCRBY', counts, 'left', 1)
move(index, current, to)
return 'ok'
