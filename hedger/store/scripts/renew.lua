-- KEYS lease | ARGV run_id owner epoch lease_ms
local refused = fence()
if refused then
  return refused
end
redis.call('HSET', KEYS[1], 'expiry', digits(now_ms() + tonumber(ARGV[4])))
return {'OK'}
