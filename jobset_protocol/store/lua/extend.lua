-- Lengthen a claim's lease, counted from now.  ARGV: index, fence, lease seconds.
if is_stale(ARGV[2]) or is_one_of(status_at(ARGV[1]), FINAL) then
  return 'stale'
end
redis.call('HSET', chunk, 'lease_until', string.format('%.6f', now() + ARGV[3]))
return 'ok'
