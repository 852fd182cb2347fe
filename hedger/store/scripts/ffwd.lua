-- KEYS lease book log | ARGV run_id owner epoch book seq log_max
-- Numbers up to this one are never used again; an order that is open keeps the one that it has.
local refused = fence()
if refused then
  return refused
end
local seq = redis.call('HGET', KEYS[2], 'seq')
if not seq then
  return {'NOBOOK'}
end
if tonumber(ARGV[5]) > tonumber(seq) then
  redis.call('HSET', KEYS[2], 'seq', ARGV[5])
  changed(KEYS[2])
  log(KEYS[3], ARGV[6], 'ffwd', ARGV[4], seq .. ' -> ' .. ARGV[5])
end
return {'OK'}
