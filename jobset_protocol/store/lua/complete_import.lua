-- Let everybody see a set whose chunks are all there.
-- KEYS: (any), statuses, counts, events, set.  ARGV: token of this import, statuses, then code, chunks, ...
if redis.call('HGET', set, 'imported') == ARGV[1] then
  return 'ok'
end
if redis.call('HGET', set, 'import') ~= ARGV[1] then
  return 'gone'
end
redis.call('SET', statuses, ARGV[2])
redis.call('HSET', counts, 'left', 0, unpack(ARGV, 3))
redis.call('HDEL', set, 'import', 'deleted')
redis.call('HSET', set, 'imported', ARGV[1])
return 'ok'
