-- Fail the chunks whose circuits never came, once their client has been silent for long enough.
-- KEYS: (any), statuses, counts, events, set.  ARGV: idle seconds.  Returns the indices that failed.
local codes = redis.call('GET', statuses)
if not codes or now() - redis.call('HGET', set, 'touched_at') < tonumber(ARGV[1]) then
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
  announce(-1, 'F', redis.call('HINCRBY', counts, 'left', -#failed))
end
return failed
