-- Set next actions, seconds from now.
-- KEYS: due.  ARGV: '1' to leave what is scheduled alone, then member, delay, ...
local time = redis.call('TIME')
local moment = time[1] + time[2] / 1e6
for position = 2, #ARGV, 2 do
  local score = string.format('%.6f', moment + ARGV[position + 1])
  if ARGV[1] == '1' then
    redis.call('ZADD', KEYS[1], 'NX', score, ARGV[position])
  else
    redis.call('ZADD', KEYS[1], score, ARGV[position])
  end
end
return 'ok'
