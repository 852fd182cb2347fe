-- Put before every script when it is loaded.
-- ARGV[1] is always the run_id of the connection; fenced scripts go on with owner and epoch, and
-- their KEYS[1] is the lease.

-- One instant serves a whole script, however often it asks.
local instant
local function now_ms()
  if not instant then
    local time = redis.call('TIME')
    instant = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  return instant
end

-- Lua prints large numbers with an exponent; Redis must see digits.
local function digits(number)
  return string.format('%.0f', number)
end

-- nil when the caller may write, else the refusal.
local function fence()
  local lease = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'run_id', 'expiry')
  if lease[1] ~= ARGV[2] or lease[2] ~= ARGV[3] or lease[3] ~= ARGV[1] then
    return {'FENCED', lease[1] or '', lease[2] or ''}
  end
  if now_ms() >= tonumber(lease[4]) then
    return {'EXPIRED', lease[1], lease[2]}
  end
  return nil
end

-- Filled lots are always summed from the trades: a counter could be applied twice.
local function filled(key)
  local sum = 0
  for _, lots in ipairs(redis.call('HVALS', key)) do
    sum = sum + tonumber(lots)
  end
  return sum
end

-- The refusal of a book that is not there, or of a version that we do not know; else nil.
local function foreign(version)
  if not version then
    return {'NOBOOK'}
  end
  if not READS[version] then
    return {'VERSION', version}
  end
  return nil
end

-- lots, low, high, instrument of an intent's record; nil for a version we do not know.
local function parse(record)
  local _, _, version, lots, low, high, instrument = string.find(
    record, '^(%d+) %a+ %d+ %d+ (%-?%d+) (%-?%d+) (%-?%d+) %d+ %S+ (%S+)\n')
  if not READS[version] then
    return nil
  end
  return tonumber(lots), tonumber(low), tonumber(high), instrument
end

-- version, side, amount, end and state of what a client has set aside.
local function reservation(record)
  local version, state, side, amount, till = string.match(
    record, '^(%d+) (%a+) (%a+) (%d+) (%d+)$')
  return version, side, tonumber(amount), tonumber(till), state
end

-- Raised with every change of a book but BEGIN's own, which has the revision: what was decided on
-- the book as it was before is stale.
local function changed(book)
  redis.call('HINCRBY', book, 'facts', 1)
end

local function log(key, limit, event, book, detail)
  redis.call('XADD', key, 'MAXLEN', '~', limit, '*', 'event', event, 'book', book, 'detail', detail)
end

-- Nothing of the book goes on until a person resumes it; the reason of an earlier stop stays.
-- Whoever calls this raises seq or facts.
local function stop(key, stream, limit, book, reason)
  if reason ~= '' and redis.call('HGET', key, 'stopped') ~= '1' then
    redis.call('HSET', key, 'hold', reason, 'stopped', '1')
    log(stream, limit, 'stop', book, reason)
  end
end

-- The entry's own <ms>-<n> where the stream still allows it, else just after the newest. One that
-- was dropped, as the server is nearly full, has an id without a payload: older ones give way. Only
-- pcall: the journal must never be able to stop the hedging.
local function journal(key, limit, book, id, ms, n, payload)
  if payload == '' then
    if id ~= '' then
      redis.pcall('XTRIM', key, 'MAXLEN', '~', limit)
    end
    return
  end
  local at = digits(now_ms())
  local function add(place)
    return redis.pcall('XADD', key, 'MAXLEN', '~', limit, place,
      'id', id, 'book', book, 'at', at, 'payload', payload)
  end
  local added = add(ms .. '-' .. n)
  if type(added) == 'table' and added.err then
    local top = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
    if type(top) == 'table' and top[1] then
      add(string.match(top[1][1], '^%d+') .. '-*')
    end
  end
end
