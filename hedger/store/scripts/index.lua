-- KEYS books | ARGV run_id hash book: enter a name; answers the name that holds this hash.
redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3])
return redis.call('HGET', KEYS[1], ARGV[2])
