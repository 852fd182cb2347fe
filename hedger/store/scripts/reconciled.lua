-- KEYS lease | ARGV run_id owner epoch: the shard's books agree with the venues under this server.
local refused = fence()
if refused then
  return refused
end
redis.call('HSET', KEYS[1], 'reconciled', ARGV[1])
return {'OK'}
