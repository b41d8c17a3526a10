-- The newest record of a name, and the state of the log.
--
-- KEYS: log, records, order
-- ARGV: the name
-- Answer: the log's id, its newest revision, its bytes, the server's time in ms, and the record.
local meta = redis.call('HMGET', KEYS[1], 'id', 'last', 'bytes', 'count')
if not meta[1] then return redis.error_reply('NOGROUP the group does not exist') end
local count = tonumber(meta[4])
if redis.call('HLEN', KEYS[2]) ~= count or redis.call('ZCARD', KEYS[3]) ~= count then
  return redis.error_reply('DAMAGED the server has lost a part of the group')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HGET', KEYS[2], ARGV[1])
if record then
  local at, ttl = string.match(record, '^%d+ (%d+) (%d+) ')
  if ttl ~= '0' and at + ttl * 1000 < now then record = false end
end
return { meta[1], meta[2], meta[3], string.format('%.0f', now), record }
