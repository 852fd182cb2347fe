-- KEYS meta | ARGV run_id schema namespace shards: create once, answer with what is stored.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'schema', ARGV[2], 'namespace', ARGV[3], 'shards', ARGV[4],
    'born', ARGV[1])
end
return redis.call('HMGET', KEYS[1], 'schema', 'namespace', 'shards', 'born')
