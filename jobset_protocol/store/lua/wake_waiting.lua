-- Take as many waiting chunks off the list as there are free slots, for the caller to wake.
-- KEYS: slots, waiting.  ARGV: most slots.
local free = tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1])
local woken = {}
if free > 0 then
  local popped = redis.call('ZPOPMIN', KEYS[2], free)
  for position = 1, #popped, 2 do
    woken[#woken + 1] = popped[position]
  end
end
return woken
