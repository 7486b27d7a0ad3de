-- Make a chunk final.  KEYS[6]: result blob.
-- ARGV: index, fence, code, error or '', result or '', the only code that it may come from or ''.
-- Returns how many chunks of the set are left, or 'stale'.
local index, fence, code, error, result, seen = unpack(ARGV)
local current = status_at(index)
if is_stale(fence) then
  return 'stale'
end
if is_one_of(current, FINAL) then
  return current == code and redis.call('HGET', counts, 'left') or 'stale'
end
-- A doubt is settled under the same fence: it may have a job by now.
if seen ~= '' and current ~= seen then
  return 'stale'
end
if result ~= '' then
  redis.call('SET', KEYS[6], result)
end
if error ~= '' then
  redis.call('HSET', chunk, 'error', error)
elseif code == 'D' then
  redis.call('HDEL', chunk, 'error')
end
redis.call('HSET', chunk, 'finished_at', now())
redis.call('HDEL', chunk, 'token', 'lease_until', 'queue_position')
return tostring(move(index, current, code))
