-- KEYS lease | ARGV run_id owner epoch: the epoch stays, it must only ever grow.
local refused = fence()
if refused then
  return refused
end
redis.call('HSET', KEYS[1], 'owner', '', 'expiry', '0')
return {'OK'}
