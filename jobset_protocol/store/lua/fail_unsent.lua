-- Fail the chunks whose circuits never came, once their client has been silent for long enough.
-- A set that is still open is closed as abandoned.
-- KEYS: (any), statuses, counts, events, set.  ARGV: idle seconds.  Returns the indices that failed.
local codes = redis.call('GET', statuses)
if not codes or now() - redis.call('HGET', set, 'touched_at') < tonumber(ARGV[1]) then
  return {}
end
if redis.call('HDEL', set, 'open') == 1 then
  redis.call('HSET', set, 'abandoned', 1)
  redis.call('HINCRBY', counts, '.', -1)
  announce(-1, 'F', add_left(-1))
  return {}
end
local failed = {}
for position in string.gmatch(codes, '()%.') do
  failed[#failed + 1] = position - 1
end
if #failed > 0 then
  redis.call('SET', statuses, (string.gsub(codes, '%.', 'F')))
  redis.call('HINCRBY', counts, '.', -#failed)
  redis.call('HINCRBY', counts, 'F', #failed)
  announce(-1, 'F', add_left(-#failed))
end
return failed
