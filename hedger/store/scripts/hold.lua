-- KEYS book log | ARGV run_id book reason stop log_max
-- A later hold never lifts a stop, nor hides its reason.
local stopped = redis.call('HGET', KEYS[1], 'stopped')
if not stopped then
  return {'NOBOOK'}
end
if stopped ~= '1' or ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'hold', ARGV[3])
end
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'stopped', '1')
end
changed(KEYS[1])
log(KEYS[2], ARGV[5], ARGV[4] == '1' and 'stop' or 'hold', ARGV[2], ARGV[3])
return {'OK'}
