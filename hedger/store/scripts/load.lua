-- KEYS book intents | ARGV run_id trades_prefix: the whole book at one instant.
local intents = redis.call('HGETALL', KEYS[2])
local open = {}
for i = 1, #intents, 2 do
  open[#open + 1] = intents[i + 1]
  open[#open + 1] = filled(ARGV[2] .. intents[i])
end
return {redis.call('HGETALL', KEYS[1]), open}
