-- KEYS lease book log | ARGV run_id owner epoch book act log_max detail
-- An act that is done goes, unless another one was asked for meanwhile.
local refused = fence()
if refused then
  return refused
end
if redis.call('HGET', KEYS[2], 'act') ~= ARGV[5] then
  return {'OTHER'}
end
redis.call('HSET', KEYS[2], 'act', '', 'closing', '0')
changed(KEYS[2])
log(KEYS[3], ARGV[6], 'acted', ARGV[4], ARGV[7])
return {'OK'}
