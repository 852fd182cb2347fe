-- KEYS lease | ARGV run_id owner lease_ms -> HELD ms_left | OK epoch run_id reconciled_run_id
-- A lease taken under another incarnation of the server is void.
local now = now_ms()
local lease = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'run_id', 'expiry', 'reconciled')
local left = (tonumber(lease[4]) or 0) - now
if lease[1] and lease[1] ~= '' and lease[1] ~= ARGV[2] and lease[3] == ARGV[1] and left > 0 then
  return {'HELD', left}
end
local epoch = digits(math.max((tonumber(lease[2]) or 0) + 1, now))
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'epoch', epoch, 'run_id', ARGV[1],
  'expiry', digits(now + tonumber(ARGV[3])))
return {'OK', epoch, ARGV[1], lease[5] or ''}
