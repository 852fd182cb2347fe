-- KEYS lease book journal
-- ARGV run_id owner epoch book seq facts memory journal_max entry_id entry_ms entry_n payload
local refused = fence()
if refused then
  return refused
end
local book = redis.call('HMGET', KEYS[2], 'seq', 'facts', 'memory', 'v')
refused = foreign(book[4])
if refused then
  return refused
end
if book[1] ~= ARGV[5] or (ARGV[6] ~= '' and (book[2] or '0') ~= ARGV[6]) then
  return {'STALE', book[1]}
end
if book[3] ~= ARGV[7] then
  redis.call('HSET', KEYS[2], 'memory', ARGV[7], 'v', string.sub(ARGV[7], 1, 1))
  changed(KEYS[2])
end
journal(KEYS[3], ARGV[8], ARGV[4], ARGV[9], ARGV[10], ARGV[11], ARGV[12])
return {'OK'}
