-- KEYS lease book reserved
-- ARGV run_id book schema id side amount capacity least seq facts epoch keep valid_ms kept_ms live_max
-- NOBOOK | VERSION v | STALE seq | UNKEPT | FULL others | OK granted others until
-- What is set aside on a side is never more in sum than the capacity of whoever asks. No fact of the
-- book: neither seq nor facts move, so that clients cannot make a hedge stale. The same id asks for
-- the same again.
local book = redis.call('HMGET', KEYS[2], 'seq', 'facts', 'v')
local refused = foreign(book[3])
if refused then
  return refused
end
if book[1] ~= ARGV[9] or (book[2] or '0') ~= ARGV[10] then
  return {'STALE', book[1]}
end
local now, lease = now_ms(), redis.call('HMGET', KEYS[1], 'epoch', 'run_id', 'expiry')
if lease[1] ~= ARGV[11] or lease[2] ~= ARGV[1] or now >= tonumber(lease[3]) then
  return {'UNKEPT'}
end

local others, live = 0, 0
local rows = redis.call('HGETALL', KEYS[3])
for i = 1, #rows, 2 do
  local version, side, amount, till = reservation(rows[i + 1])
  if not READS[version] then
    return {'VERSION', version or ''}
  end
  if till <= now then
    redis.call('HDEL', KEYS[3], rows[i])
  elseif rows[i] == ARGV[4] then
    return {'OK', amount, 0, digits(till)}
  else
    live = live + 1
    others = others + (side == ARGV[5] and amount or 0)
  end
end

local amount, till = tonumber(ARGV[6]), digits(now + tonumber(ARGV[13]))
local granted = math.max(0, math.min(amount, tonumber(ARGV[7]) - others))
if granted < math.min(amount, tonumber(ARGV[8])) then
  granted = 0
end
if ARGV[12] == '1' and granted > 0 then
  if live >= tonumber(ARGV[15]) then
    return {'FULL', others}
  end
  redis.call('HSET', KEYS[3], ARGV[4],
    ARGV[3] .. ' held ' .. ARGV[5] .. ' ' .. digits(granted) .. ' ' .. till)
  redis.call('PEXPIRE', KEYS[3], ARGV[14])
end
return {'OK', granted, others, till}
