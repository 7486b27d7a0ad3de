-- Take the chunks whose next action is due, hiding them for the lease.
-- KEYS: due.  ARGV: limit, lease seconds.
local time = redis.call('TIME')
local moment = time[1] + time[2] / 1e6
local members = redis.call('ZRANGE', KEYS[1], '-inf', moment, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, member in ipairs(members) do
  redis.call('ZADD', KEYS[1], string.format('%.6f', moment + ARGV[2]), member)
end
return members
