-- KEYS lease shadows journal
-- ARGV run_id owner epoch book journal_max shadows (name memory)... (entry_id entry_ms entry_n payload)...
-- Nothing of the book itself is read or changed: no decision becomes stale by a shadow's.
local refused = fence()
if refused then
  return refused
end
local entries = 7 + 2 * tonumber(ARGV[6])
for i = 7, entries - 1, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
for i = entries, #ARGV, 4 do
  journal(KEYS[3], ARGV[5], ARGV[4], ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return {'OK'}
