-- Say that a set grows no more: all of it is there.  KEYS: (any), statuses, counts, events, set.
if redis.call('HDEL', set, 'open') == 1 then
  redis.call('HINCRBY', counts, '.', -1)
  announce(-1, 'Q', add_left(-1))
else
  -- The client was taken for dead after it had sent everything.
  redis.call('HDEL', set, 'abandoned')
end
return 'ok'
