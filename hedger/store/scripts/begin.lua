-- KEYS lease book intents log journal reserved
-- ARGV run_id owner epoch book seq facts reduces memory trades_prefix log_max journal_max
--      entry_id entry_ms entry_n payload (id record)+
-- FENCED | EXPIRED | NOBOOK | VERSION v | STALE seq | HOLD reason | BUSY instrument low high | OK seq
local FIRST = 16
local refused = fence()
if refused then
  return refused
end
local book = redis.call('HMGET', KEYS[2], 'seq', 'hold', 'stopped', 'facts', 'v')
refused = foreign(book[5])
if refused then
  return refused
end
if book[1] ~= ARGV[5] or (ARGV[6] ~= '' and (book[4] or '0') ~= ARGV[6]) then
  return {'STALE', book[1]}
end
if book[3] == '1' or (book[2] ~= '' and ARGV[7] ~= '1') then
  return {'HOLD', book[2]}
end

-- Both readings of each instrument: what is open, old and new, counts as filled and as unfilled.
local low, high = {}, {}
local function count(instrument, lots)
  if not low[instrument] then
    local held = tonumber(redis.call('HGET', KEYS[2], 'p:' .. instrument) or '0')
    low[instrument], high[instrument] = held, held
  end
  low[instrument] = low[instrument] + math.min(0, lots)
  high[instrument] = high[instrument] + math.max(0, lots)
end
local open = redis.call('HGETALL', KEYS[3])
for i = 1, #open, 2 do
  local lots, _, _, instrument = parse(open[i + 1])
  if not lots then
    return {'BUSY', open[i], 0, 0}
  end
  local left = lots - filled(ARGV[9] .. open[i])
  if left * lots > 0 then
    count(instrument, left)
  end
end
local wanted, detail = {}, {}
for i = FIRST, #ARGV, 2 do
  local lots, from, to, instrument = parse(ARGV[i + 1])
  count(instrument, lots)
  wanted[#wanted + 1] = {instrument, from, to, lots}
  detail[#detail + 1] = ARGV[i] .. ' ' .. instrument .. ' ' .. digits(lots)
end
for _, want in ipairs(wanted) do
  local instrument, from, to = want[1], want[2], want[3]
  if low[instrument] < from or high[instrument] > to then
    return {'BUSY', instrument, digits(low[instrument]), digits(high[instrument])}
  end
end

for i = FIRST, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
local seq = tonumber(ARGV[5]) + 1
redis.call('HSET', KEYS[2], 'seq', digits(seq), 'memory', ARGV[8], 'v', string.sub(ARGV[8], 1, 1))
log(KEYS[4], ARGV[10], 'begin', ARGV[4], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. table.concat(detail, ', '))
journal(KEYS[5], ARGV[11], ARGV[4], ARGV[12], ARGV[13], ARGV[14], ARGV[15])

-- What clients have set aside limits new risk, never a hedge; that one went first is written down.
local aside = redis.call('HGETALL', KEYS[6])
if #aside > 0 then
  local sums = {buy = 0, sell = 0}
  for i = 2, #aside, 2 do
    local _, side, amount, till = reservation(aside[i])
    if side and till > now_ms() then
      sums[side] = sums[side] + amount
    end
  end
  local side = wanted[1][4] < 0 and 'sell' or 'buy'
  if sums[side] > 0 then
    log(KEYS[4], ARGV[10], 'outranks', ARGV[4], ARGV[FIRST] .. ' ' .. side .. ' before ' .. digits(sums[side]))
  end
end
return {'OK', seq}
