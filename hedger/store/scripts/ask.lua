-- KEYS book log | ARGV run_id book act is_close log_max detail trades by_itself
-- What somebody wants done with a book. A close is replaced by another close alone, and ended by a
-- person's resume: a book that is closed stays closed. What is stopped is asked for no trade.
-- What the service asks for by itself takes no other act's place and goes behind a hold.
local book = redis.call('HMGET', KEYS[1], 'stopped', 'act', 'closing', 'hold')
if not book[1] then
  return {'NOBOOK'}
end
if book[1] == '1' and ARGV[7] == '1' then
  return {'STOPPED'}
end
if (book[2] or '') ~= '' and book[3] == '1' and ARGV[4] ~= '1' then
  return {'CLOSING'}
end
if ARGV[8] == '1' and (book[2] or '') ~= '' then
  return {'ACTING'}
end
if ARGV[8] == '1' and (book[4] or '') ~= '' then
  return {'HELD'}
end
redis.call('HSET', KEYS[1], 'act', ARGV[3], 'closing', ARGV[4])
changed(KEYS[1])
log(KEYS[2], ARGV[5], 'ask', ARGV[2], ARGV[6])
return {'OK'}
