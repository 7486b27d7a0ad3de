-- CLAIMED -> SUBMITTING: from here on the provider may have the job.
-- ARGV: index, fence, tag, lease seconds from now or ''.
local index, fence, tag, lease = unpack(ARGV)
local current = status_at(index)
if is_stale(fence) or not is_one_of(current, 'LI') then
  return 'stale'
end
if current == 'L' then
  if redis.call('HEXISTS', set, 'cancelled') == 1 then
    return 'cancelled'
  end
  redis.call('HSET', chunk, 'tag', tag, 'intended_at', now())
  move(index, current, 'I')
end
if lease ~= '' then
  redis.call('HSET', chunk, 'lease_until', string.format('%.6f', now() + lease))
end
return 'ok'
