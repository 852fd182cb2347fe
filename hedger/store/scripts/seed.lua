-- KEYS book log | ARGV run_id book digest log_max memory since_ms (instrument lots)*
-- Create once; answers the digest that is stored.
local digest = redis.call('HGET', KEYS[1], 'digest')
if digest then
  return digest
end
redis.call('HSET', KEYS[1], 'v', string.sub(ARGV[5], 1, 1), 'seq', '0', 'facts', '0',
  'digest', ARGV[3], 'memory', ARGV[5], 'hold', '', 'stopped', '0', 'confirmed', '0',
  'since', ARGV[6])
for i = 7, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' then
    redis.call('HSET', KEYS[1], 'p:' .. ARGV[i], ARGV[i + 1])
  end
end
log(KEYS[2], ARGV[4], 'seed', ARGV[2], ARGV[3])
return ARGV[3]
