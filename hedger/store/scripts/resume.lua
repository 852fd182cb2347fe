-- KEYS book log | ARGV run_id book who confirmed log_max ('' keeps what was confirmed before)
local before = redis.call('HGET', KEYS[1], 'hold')
if not before then
  return {'NOBOOK'}
end
redis.call('HSET', KEYS[1], 'hold', '', 'stopped', '0', 'act', '', 'closing', '0')
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'confirmed', ARGV[4])
end
changed(KEYS[1])
log(KEYS[2], ARGV[5], 'resume', ARGV[2], ARGV[3] .. ': ' .. before)
return {'OK'}
