-- KEYS lease book journal
-- ARGV run_id owner epoch book seq memory journal_max entry_id entry_ms entry_n payload
local refused = fence()
if refused then
  return refused
end
local book = redis.call('HMGET', KEYS[2], 'seq', 'v')
refused = foreign(book[2])
if refused then
  return refused
end
local seq = book[1]
if seq ~= ARGV[5] then
  return {'STALE', seq}
end
redis.call('HSET', KEYS[2], 'memory', ARGV[6], 'v', string.sub(ARGV[6], 1, 1))
journal(KEYS[3], ARGV[7], ARGV[4], ARGV[8], ARGV[9], ARGV[10], ARGV[11])
return {'OK'}
