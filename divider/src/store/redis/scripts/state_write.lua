-- Writes the checkpoint of one key, if its newest revision is the expected one.
--
-- KEYS: log, the checkpoint
-- ARGV: expected revision, token, value, positions, what there is (1 value, 0 none, '' deleted), time to
-- live in ms ('0' for none)
-- Answer: the revision, or 0 for a conflict.
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then
  return redis.error_reply('NOGROUP the group does not exist')
end
local newest = redis.call('HGET', KEYS[2], 'revision') or '0'
if newest ~= ARGV[1] then return 0 end
local revision = redis.call('HINCRBY', KEYS[1], 'states', 1)
redis.call('HSET', KEYS[2], 'revision', string.format('%.0f', revision), 'token', ARGV[2], 'value', ARGV[3],
  'positions', ARGV[4], 'kind', ARGV[5])
if ARGV[6] == '0' then redis.call('PERSIST', KEYS[2]) else redis.call('PEXPIRE', KEYS[2], ARGV[6]) end
return revision
