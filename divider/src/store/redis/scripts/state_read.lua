-- The checkpoint of one key.
--
-- KEYS: log, the checkpoint
-- Answer: revision, token, value, positions, kind; empty if there is none.
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then
  return redis.error_reply('NOGROUP the group does not exist')
end
if redis.call('EXISTS', KEYS[2]) == 0 then return {} end
return redis.call('HMGET', KEYS[2], 'revision', 'token', 'value', 'positions', 'kind')
