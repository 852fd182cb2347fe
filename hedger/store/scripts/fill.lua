-- KEYS book intents trades log
-- ARGV run_id book client_id field lots instrument log_max kept_ms detail stop
-- A fact: no fence. One that must stop the book does so in the same breath, once.
-- NOBOOK | VERSION v (whoever can read the book hears of it too) | DUP lots | OK | LATE
local refused = foreign(redis.call('HGET', KEYS[1], 'v'))
if refused then
  return refused
end
if redis.call('HSETNX', KEYS[3], ARGV[4], ARGV[5]) == 0 then
  return {'DUP', redis.call('HGET', KEYS[3], ARGV[4])}
end
local position = 'p:' .. ARGV[6]
if redis.call('HINCRBY', KEYS[1], position, ARGV[5]) == 0 then
  redis.call('HDEL', KEYS[1], position)
end
changed(KEYS[1])
local open = redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1
-- While an order is open its trades must not expire: they are what it has filled.
if not open then
  redis.call('PEXPIRE', KEYS[3], ARGV[8])
end
log(KEYS[4], ARGV[7], open and 'fill' or 'late', ARGV[2], ARGV[9])
stop(KEYS[1], KEYS[4], ARGV[7], ARGV[2], ARGV[10])
return {open and 'OK' or 'LATE'}
