-- Write a set whose chunks are all UNSENT.
-- KEYS: tags, statuses, counts, names, set.  ARGV: chunks, names blob, number of tags, tags..., set fields...
local tags, names = KEYS[1], KEYS[4]
if redis.call('EXISTS', set) == 1 then
  return redis.call('HGET', set, 'created_at')
end
local created = now()
local tag_count = tonumber(ARGV[3])
redis.call('SET', statuses, string.rep('.', tonumber(ARGV[1])))
redis.call('HSET', counts, '.', ARGV[1], 'left', ARGV[1])
redis.call('SET', names, ARGV[2])
if tag_count > 0 then
  redis.call('SADD', tags, unpack(ARGV, 4, 3 + tag_count))
end
redis.call('HSET', set, 'created_at', created, 'touched_at', created, unpack(ARGV, 4 + tag_count))
return created
