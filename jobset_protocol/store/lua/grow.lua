-- Append QUEUED chunks, whose payloads were just stored, to a set that is open.
-- KEYS: (any), statuses, counts, events, set, ranges, names.
-- ARGV: index that the first one shall have, token of these chunks, names blob, circuits of each chunk...
-- Returns that index, another one to try again with, 'closed', or 'cancelled'.  A repeated
-- call is sent to where the chunks are.
local first, token = tonumber(ARGV[1]), ARGV[2]
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
local before, added = start, #ARGV - 3
local ranges = {}
for position = 4, #ARGV do
  ranges[#ranges + 1] = string.format('%08x%08x', start, ARGV[position])
  start = start + tonumber(ARGV[position])
end
redis.call('APPEND', KEYS[6], table.concat(ranges))
redis.call('RPUSH', KEYS[7], ARGV[3])
redis.call('APPEND', statuses, string.rep('Q', added))
redis.call('HSET', set, 'circuits', start, 'touched_at', now(), 'grown_token', token, 'grown_first', first)
redis.call('HINCRBY', counts, 'Q', added)
announce(first, 'Q', redis.call('HINCRBY', counts, 'left', added))
return first
