-- Note a job that the provider has beside the one that counts.  Whoever made it may be long out of
-- date, so no fence guards this: nothing changes but what people are told.
-- ARGV: job id, detail, attempt, '1' if it was cancelled.
local id, detail, attempt, cancelled = unpack(ARGV)
if redis.call('EXISTS', statuses) == 0 then
  return 'gone'
end
-- A person may have named it meanwhile.
local counts_now = redis.call('HGET', chunk, 'reference')
if cancelled == '0' and counts_now and cjson.decode(counts_now)[1] == id then
  return 'counts'
end
local known = redis.call('HGET', chunk, 'extra:' .. id)
local seen_at = known and cjson.decode(known)[5] or now()
redis.call('HSET', chunk, 'extra:' .. id,
  cjson.encode({id, detail, tonumber(attempt), tonumber(cancelled), seen_at}))
return 'ok'
