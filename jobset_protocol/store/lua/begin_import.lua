-- Begin to import a set, as one that is being deleted: should the client die, the sweep removes the rest.
-- KEYS: (any), statuses, counts, events, set.  ARGV: token of this import, chunks, set fields...
-- Returns 'ok', 'exists', or 'half' when another import or a deletion is under way.
local token = ARGV[1]
if redis.call('HGET', set, 'import') == token then
  return 'ok'
end
if redis.call('HEXISTS', set, 'deleted') == 1 then
  return 'half'
end
if redis.call('EXISTS', set) == 1 then
  return 'exists'
end
redis.call('HSET', set, 'import', token, 'deleted', ARGV[2], unpack(ARGV, 3))
return 'ok'
