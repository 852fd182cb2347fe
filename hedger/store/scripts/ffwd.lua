-- KEYS lease book intents log | ARGV run_id owner epoch book seq log_max
local refused = fence()
if refused then
  return refused
end
local seq = redis.call('HGET', KEYS[2], 'seq')
if not seq then
  return {'NOBOOK'}
end
if redis.call('HLEN', KEYS[3]) > 0 then
  return {'BUSY'}
end
if tonumber(ARGV[5]) > tonumber(seq) then
  redis.call('HSET', KEYS[2], 'seq', ARGV[5])
  changed(KEYS[2])
  log(KEYS[4], ARGV[6], 'ffwd', ARGV[4], seq .. ' -> ' .. ARGV[5])
end
return {'OK'}
