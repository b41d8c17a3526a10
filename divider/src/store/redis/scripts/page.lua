-- The newest records after a revision, in the order of their revisions.
--
-- KEYS: log, records, order
-- ARGV: the revision to go on after, the names of a filter
-- Answer: the log's id, its newest revision, the server's time in ms, the revision that was looked at
-- last, 1 if that is the end; then a name and a record for each.
local meta = redis.call('HMGET', KEYS[1], 'id', 'last', 'count')
if not meta[1] then return redis.error_reply('NOGROUP the group does not exist') end
local count = tonumber(meta[3])
if redis.call('HLEN', KEYS[2]) ~= count or redis.call('ZCARD', KEYS[3]) ~= count then
  return redis.error_reply('DAMAGED the server has lost a part of the group')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function covers(name)
  for i = 2, #ARGV do
    local pattern = ARGV[i]
    if pattern == '>' or pattern == name then return true end
    if string.sub(pattern, -2) == '.>' then
      local prefix = string.sub(pattern, 1, -2)
      if #name > #prefix and string.sub(name, 1, #prefix) == prefix then return true end
    end
  end
  return false
end

local LOOKED_AT, BYTES = 1000, 256 * 1024
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, LOOKED_AT)
local answer, bytes, seen, ended = { meta[1], meta[2], string.format('%.0f', now), '', 1 }, 0, ARGV[1], true
for i = 1, #found, 2 do
  local name = found[i]
  if covers(name) then
    local record = redis.call('HGET', KEYS[2], name)
    if record then
      local at, ttl = string.match(record, '^%d+ (%d+) (%d+) ')
      if ttl == '0' or at + ttl * 1000 >= now then
        answer[#answer + 1] = name
        answer[#answer + 1] = record
        bytes = bytes + #record
      end
    end
  end
  seen = found[i + 1]
  if bytes > BYTES and i + 2 < #found then ended = false break end
end
if #found == LOOKED_AT * 2 then ended = false end
if ended then seen = meta[2] end
answer[4] = seen
answer[5] = ended and 1 or 0
return answer
