-- KEYS book reserved log | ARGV run_id book id linger_ms kept_ms log_max
-- NOBOOK | VERSION v | GONE | AGAIN | OK
local refused = foreign(redis.call('HGET', KEYS[1], 'v'))
if refused then
  return refused
end
local record = redis.call('HGET', KEYS[2], ARGV[3])
if not record then
  return {'GONE'}
end
local version, side, amount, till, state = reservation(record)
if not READS[version] then
  return {'VERSION', version or ''}
end
if till <= now_ms() then
  return {'GONE'}
end
if state == 'taken' then
  return {'AGAIN'}
end
if ARGV[4] == '0' then
  redis.call('HDEL', KEYS[2], ARGV[3])
  return {'OK'}
end
redis.call('HSET', KEYS[2], ARGV[3], version .. ' taken ' .. side .. ' ' .. digits(amount) .. ' '
  .. digits(now_ms() + tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[2], ARGV[5])
log(KEYS[3], ARGV[6], 'taken', ARGV[2], ARGV[3] .. ' ' .. side .. ' ' .. digits(amount))
return {'OK'}
