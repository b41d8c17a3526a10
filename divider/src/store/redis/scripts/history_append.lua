-- Appends an entry to the history, unless its id was appended within two minutes.
--
-- KEYS: log, history, history ids
-- ARGV: the id, the entry, how many entries are kept
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then
  return redis.error_reply('NOGROUP the group does not exist')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now - 120000))
if redis.call('ZADD', KEYS[3], 'NX', string.format('%.0f', now), ARGV[1]) == 0 then return 0 end
local number = redis.call('HINCRBY', KEYS[1], 'history', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], string.format('%.0f', number) .. '-0',
  string.format('%.0f', now), ARGV[2])
return 1
