-- KEYS book log | ARGV run_id book digest log_max (instrument lots)*: create once; answers digest.
local digest = redis.call('HGET', KEYS[1], 'digest')
if digest then
  return digest
end
redis.call('HSET', KEYS[1], 'v', '1', 'seq', '0', 'facts', '0', 'digest', ARGV[3], 'memory', '',
  'hold', '', 'stopped', '0', 'confirmed', '0')
for i = 5, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' then
    redis.call('HSET', KEYS[1], 'p:' .. ARGV[i], ARGV[i + 1])
  end
end
log(KEYS[2], ARGV[4], 'seed', ARGV[2], ARGV[3])
return ARGV[3]
