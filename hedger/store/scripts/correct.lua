-- KEYS lease book intents log | ARGV run_id owner epoch book seq why log_max (instrument from to)+
-- What the venue says replaces what is stored, all or none, only where the store still holds what
-- it was compared with and nothing is open: whoever compares twice corrects once. The revision
-- moves on, so that a decision made on the old positions is stale.
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
if seq ~= ARGV[5] then
  return {'STALE', seq}
end
for i = 8, #ARGV, 3 do
  if (redis.call('HGET', KEYS[2], 'p:' .. ARGV[i]) or '0') ~= ARGV[i + 1] then
    return {'STALE', seq}
  end
end
local detail = {}
for i = 8, #ARGV, 3 do
  if ARGV[i + 2] == '0' then
    redis.call('HDEL', KEYS[2], 'p:' .. ARGV[i])
  else
    redis.call('HSET', KEYS[2], 'p:' .. ARGV[i], ARGV[i + 2])
  end
  detail[#detail + 1] = ARGV[i] .. ' ' .. ARGV[i + 1] .. ' -> ' .. ARGV[i + 2]
end
redis.call('HINCRBY', KEYS[2], 'seq', 1)
log(KEYS[4], ARGV[7], 'correct', ARGV[4], table.concat(detail, ', ') .. ': ' .. ARGV[6])
return {'OK'}
