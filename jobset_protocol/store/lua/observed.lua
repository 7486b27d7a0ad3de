-- What a poll saw: SUBMITTED or RUNNING, and the queue position.
-- ARGV: index, fence, code, queue position or ''.
local index, fence, code, position = unpack(ARGV)
local current = status_at(index)
if is_stale(fence) or not is_one_of(current, 'SR') then
  return 'stale'
end
if position == '' then
  redis.call('HDEL', chunk, 'queue_position')
else
  redis.call('HSET', chunk, 'queue_position', position)
end
if current ~= code then
  if code == 'R' then
    redis.call('HSETNX', chunk, 'running_at', now())
  end
  move(index, current, code)
end
return 'ok'
