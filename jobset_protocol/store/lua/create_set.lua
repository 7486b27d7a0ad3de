-- Write a set whose chunks are all UNSENT, or, with no chunks, one that grows.
-- KEYS: tags, statuses, counts, names, set.  ARGV: chunks, names blob or '', number of tags, tags..., set fields...
-- A set that grows counts one UNSENT chunk that does not exist: it stands for those to come.
local tags, names = KEYS[1], KEYS[4]
if redis.call('EXISTS', set) == 1 then
  return 'ok'
end
local chunks, tag_count = tonumber(ARGV[1]), tonumber(ARGV[3])
redis.call('SET', statuses, string.rep('.', chunks))
redis.call('HSET', counts, '.', math.max(chunks, 1), 'left', math.max(chunks, 1))
if ARGV[2] ~= '' then
  redis.call('RPUSH', names, ARGV[2])
end
if tag_count > 0 then
  redis.call('SADD', tags, unpack(ARGV, 4, 3 + tag_count))
end
redis.call('HSET', set, 'touched_at', now(), unpack(ARGV, 4 + tag_count))
return 'ok'
