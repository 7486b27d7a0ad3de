-- Seconds until the next action, negative when late; nothing when none is scheduled.  KEYS: due.
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #first == 0 then
  return false
end
local time = redis.call('TIME')
return string.format('%.6f', first[2] - (time[1] + time[2] / 1e6))
