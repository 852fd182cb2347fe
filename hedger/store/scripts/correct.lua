-- KEYS lease book intents log
-- ARGV run_id owner epoch book seq facts why stop memory log_max (instrument from to)+
-- What the venue says replaces what is stored, all or none, only where the store still holds what
-- it was compared with and nothing is open: whoever compares twice corrects once. With it goes what
-- follows: a stop, a new memory ('' keeps the old). The revision moves on, so that a decision made
-- on the old positions is stale.
local FIRST = 11
local refused = fence()
if refused then
  return refused
end
local book = redis.call('HMGET', KEYS[2], 'seq', 'facts', 'v')
refused = foreign(book[3])
if refused then
  return refused
end
if redis.call('HLEN', KEYS[3]) > 0 then
  return {'BUSY'}
end
if book[1] ~= ARGV[5] or (ARGV[6] ~= '' and (book[2] or '0') ~= ARGV[6]) then
  return {'STALE', book[1]}
end
for i = FIRST, #ARGV, 3 do
  if (redis.call('HGET', KEYS[2], 'p:' .. ARGV[i]) or '0') ~= ARGV[i + 1] then
    return {'STALE', book[1]}
  end
end
local detail = {}
for i = FIRST, #ARGV, 3 do
  if ARGV[i + 2] == '0' then
    redis.call('HDEL', KEYS[2], 'p:' .. ARGV[i])
  else
    redis.call('HSET', KEYS[2], 'p:' .. ARGV[i], ARGV[i + 2])
  end
  detail[#detail + 1] = ARGV[i] .. ' ' .. ARGV[i + 1] .. ' -> ' .. ARGV[i + 2]
end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[2], 'memory', ARGV[9], 'v', string.sub(ARGV[9], 1, 1))
end
redis.call('HINCRBY', KEYS[2], 'seq', 1)
log(KEYS[4], ARGV[10], 'correct', ARGV[4], table.concat(detail, ', ') .. ': ' .. ARGV[7])
stop(KEYS[2], KEYS[4], ARGV[10], ARGV[4], ARGV[8])
return {'OK'}
