-- SUBMITTING -> IN_DOUBT under a new fence, so that the old claim cannot record a reference unseen.
-- ARGV: index, fence, error or '', '1' to do so only if the lease has ended.
-- Returns the fence that now holds.
local index, fence, error, lapsed_only = unpack(ARGV)
local current = status_at(index)
if current == '?' and redis.call('HGET', chunk, 'doubted_fence') == fence then
  return redis.call('HGET', chunk, 'fence')
end
if is_stale(fence) or current ~= 'I' then
  return 'stale'
end
if lapsed_only == '1' and lease_holds() then
  return 'held'
end
if error ~= '' then
  redis.call('HSET', chunk, 'error', error)
end
redis.call('HSET', chunk, 'doubt_since', now(), 'doubted_fence', fence)
redis.call('HINCRBY', chunk, 'tries:doubt', 1)
redis.call('HDEL', chunk, 'owner', 'token', 'lease_until')
local raised = redis.call('HINCRBY', chunk, 'fence', 1)
move(index, current, '?')
return tostring(raised)
