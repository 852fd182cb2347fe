-- KEYS workers | ARGV run_id worker ttl_ms: register now, drop the old, answer the living.
local now = now_ms()
redis.call('ZADD', KEYS[1], digits(now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. digits(now - tonumber(ARGV[3])))
local living = {}
local scored = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #scored, 2 do
  living[#living + 1] = scored[i]
  living[#living + 1] = math.max(0, now - tonumber(scored[i + 1]))
end
return living
