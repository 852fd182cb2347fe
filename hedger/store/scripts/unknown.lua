-- KEYS lease book intents log | ARGV run_id owner epoch book id log_max
local refused = fence()
if refused then
  return refused
end
local record = redis.call('HGET', KEYS[3], ARGV[5])
if not record then
  return {'NOTCURRENT'}
end
local version, rest = string.match(record, '^(%d+) pending (.*)$')
if READS[version] then
  redis.call('HSET', KEYS[3], ARGV[5], version .. ' unknown ' .. rest)
  changed(KEYS[2])
  log(KEYS[4], ARGV[6], 'unknown', ARGV[4], ARGV[5])
end
return {'OK'}
