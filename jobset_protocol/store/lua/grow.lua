-- Append QUEUED chunks with their payloads to a set that is open.
-- KEYS: (any), statuses, counts, events, set, ranges, names, payload of each chunk...
-- ARGV: index that the first one shall have, token of these chunks, names blob, then the circuits of
--       each chunk..., and each payload...
-- Returns that index, another one to try again with, 'closed', or 'cancelled'.  A repeated
-- call is sent to where the chunks are.
-- Nothing is written at a wrong index: other chunks have these numbers, and may be at work.
local first, token = tonumber(ARGV[1]), ARGV[2]
local KEYS_BEFORE, ARGUMENTS_BEFORE = 7, 3
if redis.call('HGET', set, 'grown_token') == token then
  return tonumber(redis.call('HGET', set, 'grown_first'))
end
if redis.call('HEXISTS', set, 'open') == 0 then
  return 'closed'
end
if redis.call('HEXISTS', set, 'cancelled') == 1 then
  return 'cancelled'
end
local next_index = redis.call('STRLEN', statuses)
if next_index ~= first then
  return next_index
end
local start = tonumber(redis.call('HGET', set, 'circuits'))
local added = #KEYS - KEYS_BEFORE
local ranges = {}
for number = 1, added do
  local size = tonumber(ARGV[ARGUMENTS_BEFORE + number])
  ranges[number] = string.format('%08x%08x', start, size)
  start = start + size
  redis.call('SET', KEYS[KEYS_BEFORE + number], ARGV[ARGUMENTS_BEFORE + added + number])
end
redis.call('APPEND', KEYS[6], table.concat(ranges))
redis.call('RPUSH', KEYS[7], ARGV[3])
redis.call('APPEND', statuses, string.rep('Q', added))
redis.call('HSET', set, 'circuits', start, 'touched_at', now(), 'grown_token', token, 'grown_first', first)
redis.call('HINCRBY', counts, 'Q', added)
announce(first, 'Q', redis.call('HINCRBY', counts, 'left', added))
return first
