-- KEYS[1]  whose requests are counted
-- ARGV     most requests, window in milliseconds
--
-- Answers: allowed, the count, milliseconds until it starts anew. The clock is
-- Redis's own, so that gateways whose clocks differ count alike.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local seen = redis.call('HMGET', KEYS[1], 'count', 'last')
local count, last = tonumber(seen[1] or 0), tonumber(seen[2] or 0)
if now - last >= window then
  count = 0
end
if count >= max then
  return { 0, count, last + window - now }
end
redis.call('HSET', KEYS[1], 'count', count + 1, 'last', now)
redis.call('PEXPIRE', KEYS[1], window)
return { 1, count + 1, window }
