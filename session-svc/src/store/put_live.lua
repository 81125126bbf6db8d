-- KEYS[1]  the session's key
-- ARGV     the copy, its expiry in Unix milliseconds, the provenance it was
--          written under, its session version, its user version
--
-- A revoked copy is never written over. Under the same provenance a newer copy
-- is not either; one from elsewhere may be older than it looks, so it is.
local current = redis.call('GET', KEYS[1])
if current then
  local copy = cjson.decode(current)
  if copy.state == 'revoked' then
    return 'revoked'
  end
  local newer = copy.version.session > tonumber(ARGV[4]) or copy.version.user > tonumber(ARGV[5])
  if newer and copy.written_under == ARGV[3] then
    return 'newer'
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 'written'
