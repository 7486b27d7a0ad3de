-- COLLECTING -> SUBMITTED: the result could not be fetched; the schedule polls again.
-- ARGV: index, fence, name of the tries counter or '', error or '', '1' only if the lease has ended.
local index, fence, counter, error, lapsed_only = unpack(ARGV)
local current = status_at(index)
if current == 'S' and redis.call('HGET', chunk, 'reopened_fence') == fence then
  return 'ok'
end
if is_stale(fence) or current ~= 'O' then
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
redis.call('HDEL', chunk, 'owner', 'token', 'lease_until')
redis.call('HSET', chunk, 'reopened_fence', fence)
redis.call('HINCRBY', chunk, 'fence', 1)
move(index, current, 'S')
return 'ok'
