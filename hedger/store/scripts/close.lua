-- KEYS lease book intents trades log
-- ARGV run_id owner epoch book id filled state log_max kept_ms
-- FENCED | EXPIRED | NOTCURRENT | FILLGAP recorded | OK recorded
local refused = fence()
if refused then
  return refused
end
local record = redis.call('HGET', KEYS[3], ARGV[5])
if not record then
  return {'NOTCURRENT', 0}
end
local recorded = filled(KEYS[4])
if recorded ~= tonumber(ARGV[6]) then
  return {'FILLGAP', recorded}
end
redis.call('HDEL', KEYS[3], ARGV[5])
changed(KEYS[2])
redis.call('PEXPIRE', KEYS[4], ARGV[9])
log(KEYS[5], ARGV[8], ARGV[7], ARGV[4], ARGV[5] .. ' filled ' .. ARGV[6] .. ' by ' .. ARGV[2] .. ' ' .. ARGV[3])
return {'OK', recorded}
