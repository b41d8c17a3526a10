-- Carries out a batch of writes in order. Each is a compare-and-set of its own.
--
-- KEYS: log, records, order, expiry, changes
-- ARGV: how many entries `changes` keeps; then for each write: name, value, kind (1 value, 0 tombstone),
-- expected revision ('' for any), time to live in s ('0' for none), time that it holds in s ('' for ever).
-- Answer: for each write its revision, 0 for a conflict, -1 if the server is out of memory.
local log, records, order, expiry, changes = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local meta = redis.call('HMGET', log, 'id', 'last', 'bytes', 'count')
local id = meta[1]
if not id then return redis.error_reply('NOGROUP the group does not exist') end
local last, bytes, count = tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4])
if redis.call('HLEN', records) ~= count or redis.call('ZCARD', order) ~= count then
  return redis.error_reply('DAMAGED the server has lost a part of the group')
end

-- It changes nothing, and is refused where the server is a replica or has no memory left.
local probe = redis.pcall('HSETNX', log, 'id', id)
local full = false
if type(probe) == 'table' and probe.err then
  full = string.find(probe.err, 'OOM', 1, true) ~= nil
  if not full then return redis.error_reply(probe.err) end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = string.format('%.0f', now)

-- The length, the revision and whether it has a time to live; revision '0' once that is over.
local function look(name)
  local old = redis.call('HGET', records, name)
  if not old then return 0, '0', false end
  local revision, at, ttl = string.match(old, '^(%d+) (%d+) (%d+) ')
  if ttl ~= '0' and at + ttl * 1000 < now then revision = '0' end
  return #name + #old, revision, ttl ~= '0'
end

local answers, changed = {}, false
for i = 2, #ARGV, 6 do
  local name, value, kind, expected, ttl, holds =
    ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local size, newest, expires = look(name)
  if expected ~= '' and expected ~= newest then
    answers[#answers + 1] = 0
  else
    local revision = string.format('%.0f', last + 1)
    local record = revision .. ' ' .. stored .. ' ' .. ttl .. ' ' .. holds .. ' ' .. kind .. '\n' .. value
    if full and #name + #record > size + 16 then
      answers[#answers + 1] = -1
    else
      if full then
        -- These free memory. What a script does after its first change is not refused any more.
        redis.call('XTRIM', changes, 'MAXLEN', 64)
        redis.call('HDEL', records, name)
      end
      redis.call('HSET', records, name, record)
      redis.call('ZADD', order, revision, name)
      if ttl ~= '0' then
        redis.call('ZADD', expiry, string.format('%.0f', now + ttl * 1000), name)
      elseif expires then
        redis.call('ZREM', expiry, name)
      end
      redis.call('XADD', changes, 'MAXLEN', '~', ARGV[1], revision .. '-0', id, name, '', record)
      last, bytes, changed = last + 1, bytes + #name + #record - size, true
      if size == 0 then count = count + 1 end
      answers[#answers + 1] = last
    end
  end
end

-- What has expired goes a few at a time: each write removes more than it can add.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', '(' .. stored, 'LIMIT', 0, #answers + 8)) do
  local size, newest, expires = look(name)
  redis.call('ZREM', expiry, name)
  if size > 0 and expires and newest == '0' then
    redis.call('HDEL', records, name)
    redis.call('ZREM', order, name)
    bytes, count, changed = bytes - size, count - 1, true
  end
end

if changed then
  redis.call('HSET', log, 'last', string.format('%.0f', last), 'bytes', string.format('%.0f', bytes),
    'count', string.format('%.0f', count))
end
return answers
