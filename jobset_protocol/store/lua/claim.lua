-- Take a chunk under a new fence and a lease.
-- ARGV: index, owner, token of this call, lease seconds, codes to take it from, code to put it in,
--       the claimer's epoch or ''.
-- Returns {fence, attempt}, nothing when there is nothing to take, or {'lost'} when the set was made
-- in another epoch: the claimer does not know that the store's data was lost.
local index, owner, token, lease, from, to, epoch = unpack(ARGV)
local made_in = redis.call('HGET', set, 'epoch')
if epoch ~= '' and made_in and made_in ~= epoch then
  return {'lost'}
end
local current = status_at(index)
if current == to and redis.call('HGET', chunk, 'token') == token then
  return redis.call('HMGET', chunk, 'fence', 'attempt')
end
if not is_one_of(current, from) then
  return false
end
if current == 'Q' and redis.call('HEXISTS', set, 'cancelled') == 1 then
  redis.call('HSET', chunk, 'finished_at', now())
  move(index, current, 'X')
  return false
end
local moment = now()
local fence = redis.call('HINCRBY', chunk, 'fence', 1)
redis.call('HSETNX', chunk, 'attempt', 1)
redis.call('HSET', chunk, 'owner', owner, 'token', token,
  'lease_until', string.format('%.6f', moment + lease), 'claimed_at', moment)
if to == 'R' then
  redis.call('HSET', chunk, 'running_at', moment)
end
move(index, current, to)
return {tostring(fence), redis.call('HGET', chunk, 'attempt')}
