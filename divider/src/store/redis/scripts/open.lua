-- Looks at a log when a connection begins, or makes the log.
--
-- KEYS: log, records, order, expiry, changes
-- ARGV: '1' to make the group if it does not exist; the id of the log that the client knows, or '';
-- the highest revision that it has seen of that log.
-- Answer: the log's id, its newest revision, 1 if the log was made.
local log = KEYS[1]

-- It changes nothing, and is refused by a replica, and by a primary that lacks the replicas that
-- `min-replicas-to-write` asks for, such as one that was replaced. A viewer has no right to it, and needs
-- none.
local probe = redis.pcall('HDEL', log, '')
if type(probe) == 'table' and probe.err then
  for _, code in ipairs({ 'READONLY', 'NOREPLICAS' }) do
    if string.find(probe.err, code, 1, true) then return redis.error_reply(probe.err) end
  end
end

local time = redis.call('TIME')
local id = time[1] .. string.format('%06d', time[2]) .. '000'
local meta = redis.call('HMGET', log, 'id', 'last')
if not meta[1] then
  if ARGV[1] ~= '1' then return redis.error_reply('NOGROUP the group does not exist') end
  -- Records without their log are what is left of one that was lost.
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  redis.call('HSET', log, 'id', id, 'last', '0', 'bytes', '0', 'count', '0')
  return { id, '0', 1 }
end

-- The server has lost writes that it had acknowledged, such as in a crash or as a replica that was
-- behind when it was promoted. From here on it is another log, which uses no revision twice.
if meta[1] == ARGV[2] and tonumber(meta[2]) < tonumber(ARGV[3]) then
  redis.call('HSET', log, 'id', id, 'last', ARGV[3])
  redis.call('DEL', KEYS[5])
  return { id, ARGV[3], 0 }
end
return { meta[1], meta[2], 0 }
