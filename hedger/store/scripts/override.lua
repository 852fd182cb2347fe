-- KEYS book log | ARGV run_id book override log_max detail
-- As far as a person lets the ladder of a book go, and until when.
if not redis.call('HGET', KEYS[1], 'seq') then
  return {'NOBOOK'}
end
redis.call('HSET', KEYS[1], 'override', ARGV[3])
changed(KEYS[1])
log(KEYS[2], ARGV[4], 'override', ARGV[2], ARGV[5])
return {'OK'}
