-- Entries of the history after a number, and not before a time.
--
-- KEYS: log, history
-- ARGV: the number, how many ms ago the oldest may be ('' for any), how many entries at most
-- Answer: the number of the last entry that was looked at, 1 if it is the last of all; then number, time
-- and value of each.
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then
  return redis.error_reply('NOGROUP the group does not exist')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[3])
local answer = { ARGV[1], #found < tonumber(ARGV[3]) and 1 or 0 }
for _, entry in ipairs(found) do
  local number = string.match(entry[1], '^%d+')
  answer[1] = number
  if ARGV[2] == '' or tonumber(entry[2][1]) >= now - tonumber(ARGV[2]) then
    answer[#answer + 1] = number
    answer[#answer + 1] = entry[2][1]
    answer[#answer + 1] = entry[2][2]
  end
end
return answer
