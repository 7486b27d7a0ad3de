-- Back to QUEUED, or CANCELLED with its set: a chunk that certainly has no live job at the provider.
-- ARGV: index, fence, codes it may come from, name of the tries counter or '', error or '',
--       '1' to do so only if the lease has ended, '1' to begin a new attempt (a new tag).
local index, fence, from, counter, error, lapsed_only, new_attempt = unpack(ARGV)
local current = status_at(index)
if is_one_of(current, 'QX') and redis.call('HGET', chunk, 'requeued_fence') == fence then
  return 'ok'
end
if is_stale(fence) or not is_one_of(current, from) then
  return 'stale'
end
-- A provider's job is alive behind a reference: only a new attempt may leave it.
if new_attempt ~= '1' and redis.call('HEXISTS', chunk, 'reference') == 1 then
  return 'stale'
end
if lapsed_only == '1' and lease_holds() then
  return 'held'
end
if counter ~= '' then
  redis.call('HINCRBY', chunk, 'tries:' .. counter, 1)
end
if error ~= '' then
  redis.call('HSET', chunk, 'error', error)
end
if new_attempt == '1' then
  redis.call('HINCRBY', chunk, 'attempt', 1)
  redis.call('HDEL', chunk, 'reference', 'submitted_at')
end
redis.call('HDEL', chunk, 'owner', 'token', 'lease_until', 'doubt_since', 'queue_position')
-- The old claim must not write any more: its fence is spent.
redis.call('HINCRBY', chunk, 'fence', 1)
redis.call('HSET', chunk, 'requeued_fence', fence)
if redis.call('HEXISTS', set, 'cancelled') == 1 then
  redis.call('HSET', chunk, 'finished_at', now())
  move(index, current, 'X')
else
  redis.call('HSET', chunk, 'queued_at', now())
  move(index, current, 'Q')
end
return 'ok'
