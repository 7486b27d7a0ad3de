-- Lengthen a claim's lease, counted from now.  ARGV: index, fence, lease seconds.
-- Only while the claim's holder works on the chunk: the schedule of a submitted one is its polls'.
if is_stale(ARGV[2]) or not is_one_of(status_at(ARGV[1]), 'LIRO') then
  return 'stale'
end
redis.call('HSET', chunk, 'lease_until', string.format('%.6f', now() + ARGV[3]))
return 'ok'
