-- UNSENT -> QUEUED for consecutive chunks whose payloads were just stored.
-- KEYS: (any), statuses, counts, events, set.  ARGV: first index, number of chunks.
-- Returns how many it moved, or 'gone' when the set was deleted.
if redis.call('EXISTS', statuses) == 0 then
  return 'gone'
end
local first, last = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1
local codes, admitted = string.gsub(redis.call('GETRANGE', statuses, first, last), '%.', 'Q')
redis.call('HSET', set, 'touched_at', now())
if admitted > 0 then
  redis.call('SETRANGE', statuses, first, codes)
  redis.call('HINCRBY', counts, '.', -admitted)
  redis.call('HINCRBY', counts, 'Q', admitted)
  announce(first, 'Q', redis.call('HGET', counts, 'left'))
end
return admitted
