-- The first step of deleting a set: nobody sees it any more, and no claim on it holds.
-- KEYS: (any), statuses, counts, events, set.
-- ARGV: 'force', 'final' (only when every chunk is), or 'expired' (only when its retention has passed).
-- Returns 'doomed:<chunks>', 'live' when chunks are not final, nothing without a set; for 'expired' also
-- 'until:<moment>', before which it stays, or 'kept' when it has no retention.
local when = ARGV[1]
local doomed = redis.call('HGET', set, 'deleted')
if doomed then
  redis.call('HDEL', set, 'import')
  return 'doomed:' .. doomed
end
if redis.call('EXISTS', set) == 0 then
  return false
end
local left = tonumber(redis.call('HGET', counts, 'left') or '0')
if when == 'expired' then
  local retention = redis.call('HGET', set, 'retention_seconds')
  if not retention then
    return 'kept'
  end
  local ended = left > 0 and now() or redis.call('HGET', set, 'finished_at')
  local ends = (ended or redis.call('HGET', set, 'created_at')) + retention
  if left > 0 or ends > tonumber(now()) then
    return string.format('until:%.6f', ends)
  end
elseif when == 'final' and left > 0 then
  return 'live'
end
local chunks = redis.call('STRLEN', statuses)
redis.call('HSET', set, 'deleted', chunks)
redis.call('HDEL', set, 'open')
redis.call('UNLINK', statuses, counts)
-- Whoever waits for an event looks at the set again.
announce(-1, 'X', 0)
return 'doomed:' .. chunks
