-- SUBMITTING or IN_DOUBT -> SUBMITTED, with the provider's reference.  ARGV: index, fence, reference.
local index, fence, reference = unpack(ARGV)
local current = status_at(index)
-- A doubt raised the fence, but nobody submits again while it lasts: the call that raised it may
-- still return with the reference, and repeat itself should its own reply be lost.
local doubted = is_one_of(current, '?SRO' .. FINAL) and redis.call('HGET', chunk, 'doubted_fence') == fence
if is_stale(fence) and not doubted then
  return 'stale'
end
if not is_one_of(current, 'I?') then
  if is_one_of(current, 'SRO' .. FINAL) and redis.call('HGET', chunk, 'reference') == reference then
    return 'ok'
  end
  return 'stale'
end
redis.call('HSET', chunk, 'reference', reference, 'submitted_at', now())
redis.call('HDEL', chunk, 'error', 'doubt_since')
move(index, current, 'S')
return 'ok'
