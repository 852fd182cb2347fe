-- KEYS book log | ARGV run_id book digest log_max memory since_ms (instrument lots)*
-- Named positions become these lots, others stay. The revision moves on, so that a decision made on
-- the old positions is stale.
local refused = foreign(redis.call('HGET', KEYS[1], 'v'))
if refused then
  return refused
end
redis.call('HSET', KEYS[1], 'digest', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'seq', 1)
changed(KEYS[1])
for i = 7, #ARGV, 2 do
  if ARGV[i + 1] == '0' then
    redis.call('HDEL', KEYS[1], 'p:' .. ARGV[i])
  else
    redis.call('HSET', KEYS[1], 'p:' .. ARGV[i], ARGV[i + 1])
  end
end
log(KEYS[2], ARGV[4], 'apply', ARGV[2], ARGV[3])
return {'OK'}
