-- Flag a set as cancelled, and cancel what nobody holds.
-- KEYS: (any), statuses, counts, events, set.  Returns the indices that a worker or provider holds.
local codes = redis.call('GET', statuses)
if not codes then
  return false
end
local after, free = string.gsub(codes, '[.Q]', 'X')
redis.call('HSETNX', set, 'cancelled', now())
if free > 0 then
  local _, unsent = string.gsub(codes, '%.', '')
  redis.call('SET', statuses, after)
  redis.call('HINCRBY', counts, '.', -unsent)
  redis.call('HINCRBY', counts, 'Q', unsent - free)
  redis.call('HINCRBY', counts, 'X', free)
  announce(-1, 'X', add_left(-free))
end
local held = {}
for position in string.gmatch(after, '()[^DFXUP]') do
  held[#held + 1] = position - 1
end
return held
