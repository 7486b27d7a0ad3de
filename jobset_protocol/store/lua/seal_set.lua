-- Say that a set grows no more.  KEYS: (any), statuses, counts, events, set.
if redis.call('HDEL', set, 'open') == 1 then
  redis.call('HINCRBY', counts, '.', -1)
  announce(-1, 'Q', add_left(-1))
end
return 'ok'
