-- Put two QUEUED halves in the place of a chunk that the provider refused.
-- KEYS[6], [7]: parts, ranges.  ARGV: index, fence, error, start, middle, stop, source.
-- Returns the index of the first half, or 'stale'.
local index, fence, error, start, middle, stop, source = unpack(ARGV)
local current = status_at(index)
if current == 'P' and redis.call('HGET', chunk, 'fence') == fence then
  return redis.call('HGET', chunk, 'halves')
end
if is_stale(fence) or is_one_of(current, FINAL) then
  return 'stale'
end
local first = redis.call('STRLEN', statuses)
local halves = {{start, middle}, {middle, stop}}
for number, half in ipairs(halves) do
  local part = string.format('%d:%d:%d:%d', half[1], half[2], index, source)
  redis.call('HSET', KEYS[6], first + number - 1, part)
  if redis.call('EXISTS', KEYS[7]) == 1 then
    redis.call('APPEND', KEYS[7], string.format('%08x%08x', half[1], half[2] - half[1]))
  end
end
redis.call('APPEND', statuses, 'QQ')
redis.call('HINCRBY', counts, 'Q', 2)
redis.call('HSET', set, 'split', 1)
redis.call('HSET', chunk, 'error', error, 'finished_at', now(), 'halves', first)
redis.call('HDEL', chunk, 'token', 'lease_until', 'queue_position')
redis.call('HINCRBY', counts, 'left', 2)
announce(first, 'Q', move(index, current, 'P'))
return tostring(first)
