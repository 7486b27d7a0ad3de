-- Change one thing in a set's description, unless the set is gone.
-- KEYS: tags, statuses, counts, events, set.  ARGV: 'tags' and all tags, or a field and its value, if any.
local tags, field = KEYS[1], ARGV[1]
if redis.call('EXISTS', statuses) == 0 then
  return 'gone'
end
if field == 'tags' then
  redis.call('DEL', tags)
  if #ARGV > 1 then
    redis.call('SADD', tags, unpack(ARGV, 2))
  end
elseif #ARGV > 1 then
  redis.call('HSET', set, field, ARGV[2])
else
  redis.call('HDEL', set, field)
end
return 'ok'
