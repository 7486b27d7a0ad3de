-- What every script of a set begins with.
--
-- Data model: a set's keys share one hash tag, so a script may touch them all.
--   chunk     hash    fence, owner, token, lease_until, attempt, tag, reference, error, times, tries:<kind>,
--                     extra:<job id> (a job beside the one that counts: id, detail, attempt, cancelled, seen_at),
--                     named_job (the id that a person gave)
--   statuses  string  one byte a chunk: the only place where a status is kept
--   counts    hash    status code -> chunks; 'left' -> chunks that are not final
--   events    stream  i (chunk index), s (status code), l (chunks left)
--   set       hash    description; 'cancelled' once cancelling was asked for, 'open' while the client
--                     sends it without having said how much is to come, 'deleted' (its number of
--                     chunks) while it is being deleted or imported: statuses and counts are not there
--   parts     hash    chunk index -> start:stop:parent:source, of chunks that came from halving
--   ranges    string  16 hexadecimal digits a chunk, start and size; of sets that were open only
--   history   list    attempts of a chunk that retry() or resolve() followed by another
-- Scripts on one chunk take KEYS = chunk, statuses, counts, events, set [, blob] and
-- ARGV = index, fence, ...; every one may run twice, since a client whose reply was lost repeats it.
local chunk, statuses, counts, events, set = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local FINAL = 'DFXUP'
local EVENTS_KEPT = 20000

local function now()
  local time = redis.call('TIME')
  return string.format('%d.%06d', time[1], time[2])
end

local function is_one_of(code, codes)
  return code ~= '' and string.find(codes, code, 1, true) ~= nil
end

local function status_at(index)
  return redis.call('GETRANGE', statuses, index, index)
end

local function announce(index, code, left)
  redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'i', index, 's', code, 'l', left)
end

-- Chunks became final, or fewer of them are: returns how many are left.
local function add_left(number)
  local left = redis.call('HINCRBY', counts, 'left', number)
  if left == 0 then
    redis.call('HSET', set, 'finished_at', now())
  end
  return left
end

local function move(index, from, to)
  redis.call('SETRANGE', statuses, index, to)
  redis.call('HINCRBY', counts, from, -1)
  redis.call('HINCRBY', counts, to, 1)
  local left
  if is_one_of(to, FINAL) then
    left = add_left(-1)
  else
    left = redis.call('HGET', counts, 'left')
  end
  announce(index, to, left)
  return left
end

-- The chunk was taken over, or its set was deleted.
local function is_stale(fence)
  return redis.call('HGET', chunk, 'fence') ~= fence or redis.call('EXISTS', statuses) == 0
end

local function lease_holds()
  return tonumber(redis.call('HGET', chunk, 'lease_until') or '0') > tonumber(now())
end

-- A person wants a final chunk tried again: what is known of its attempt goes to the history.  The jobs
-- beside it stay, since somebody pays for them.
local function begin_attempt(history, ended_as)
  redis.call('HSETNX', chunk, 'attempt', 1)
  local past = redis.call('HMGET', chunk, 'attempt', 'reference', 'error', 'finished_at')
  redis.call('RPUSH', history, cjson.encode({past[1], ended_as, past[2] or '', past[3] or '', past[4] or '0'}))
  for _, name in ipairs(redis.call('HKEYS', chunk)) do
    if name ~= 'fence' and name ~= 'attempt' and string.sub(name, 1, 6) ~= 'extra:' then
      redis.call('HDEL', chunk, name)
    end
  end
  redis.call('HINCRBY', chunk, 'fence', 1)
  redis.call('HINCRBY', chunk, 'attempt', 1)
  redis.call('HSET', chunk, 'queued_at', now())
end
