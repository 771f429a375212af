"""The Lua scripts that concern nodes and not channels: leases, heartbeats, notes, reading logs, keys that are not as
they should be. They are written as those of scripts.py, which reads them.
"""

from __future__ import annotations

# KEYS: number of partitions, leases. ARGV: the number that the node has had in this cluster, or '', and the one that a
# new cluster gets. Returns the number. A cluster that has none has 64, as those that were made before it was kept.
# Where nobody has a lease, nobody disagrees.
AGREE_ON_PARTITIONS = """
local number = redis.call('GET', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 0 then
  number = ARGV[1] ~= '' and ARGV[1] or ARGV[2]
elseif number ~= '64' and number ~= '1024' then
  number = ARGV[1] ~= '' and ARGV[1] or '64'
end
redis.call('SET', KEYS[1], number)
return number
"""

# KEYS: leases, epoch, number of partitions. ARGV: node, lease ms, an epoch for a Redis without one, the number of
# partitions that the node has. Returns {now in ms, epoch, 1 if the lease is new, number of partitions}.
RENEW_LEASE = """
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local number = redis.call('GET', KEYS[3])
if number ~= '64' and number ~= '1024' then
  number = ARGV[4]
  redis.call('SET', KEYS[3], number)
end
local now = now_ms()
local new = redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {string.format('%.0f', now), redis.call('GET', KEYS[2]), new, number}
"""

# Gives a lease to a node that holds something and has none. It ends by itself, and then the node is removed, unless it
# lives and renews it. KEYS: leases. ARGV: node, lease ms.
GRANT_LEASE = "return redis.call('ZADD', KEYS[1], 'NX', now_ms() + ARGV[2], ARGV[1])"

# KEYS: leases, removal claims. ARGV: claim ms, then the nodes that the caller is removing: its claims are prolonged.
# Returns the nodes whose leases have ended and that no node has claimed. The caller must remove what they held.
CLAIM_REMOVALS = """
local now, claimed = now_ms(), {}
local function claim(dead)
  redis.call('HSET', KEYS[2], dead, string.format('%.0f', now + ARGV[1]))
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
for i = 2, #ARGV do claim(ARGV[i]) end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  if (tonumber(redis.call('HGET', KEYS[2], dead) or '0') or 0) <= now then
    claim(dead)
    table.insert(claimed, dead)
  end
end
return claimed
"""

# Ends a removal. KEYS: leases, removal claims. ARGV: node. Returns 1 if the node still had a lease entry.
END_REMOVAL = """
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
"""

# KEYS: log. Returns its newest stream id.
LAST_ID = "return last_id(KEYS[1])"

# KEYS: logs. ARGV: channel, number of the heartbeat. Returns {now in ms, the newest stream id of each log}, and
# publishes `<number> <now in ms> <stream ids>`.
HEARTBEAT = """
local tails = {string.format('%.0f', now_ms())}
for _, log in ipairs(KEYS) do table.insert(tails, last_id(log)) end
redis.call('@PUBLISH@', ARGV[1], ARGV[2] .. ' ' .. table.concat(tails, ' '))
return tails
"""

# KEYS: any key with the channel's hash tag. ARGV: channel, note.
PUBLISH_NOTE = "redis.call('@PUBLISH@', ARGV[1], ARGV[2])"

# Moves keys out of the way that are of another type than the bus's, or a log whose ids are a day ahead of the clock,
# for whoever wants to look at them within a day. KEYS: keys. ARGV: the type of each. Returns the indexes of those
# moved.
SET_ASIDE = """
local function is_usable(key, type_name)
  local found = redis.call('TYPE', key).ok
  if found ~= type_name then return found == 'none' end
  if found ~= 'stream' then return true end
  local info = redis.call('XINFO', 'STREAM', key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return tonumber(string.match(info[i + 1], '^%d+')) < now_ms() + 86400000
    end
  end
end
local moved = {}
for i, key in ipairs(KEYS) do
  if not is_usable(key, ARGV[i]) then
    redis.call('RENAME', key, key .. ':unusable')
    redis.call('EXPIRE', key .. ':unusable', 86400)
    table.insert(moved, i)
  end
end
return moved
"""

# Reads on in a log. KEYS: log. ARGV: the id after which to begin, how many events to return at most, how many to look
# at, and the topics that are wanted, each as app id and channel in MessagePack. Returns {the id up to which it was
# read, 1 if there is more, id and event of each}. An event without a channel is for all; one that is not understood is
# returned, too.
READ_LOG = """
local byte, sub = string.byte, string.sub
local function after_str(s, at)
  local b = byte(s, at)
  if b >= 0xa0 and b <= 0xbf then return at + b - 0x9f end
  if b == 0xd9 then return at + 2 + byte(s, at + 1) end
  if b == 0xda then return at + 3 + byte(s, at + 1) * 256 + byte(s, at + 2) end
  error('not a str')
end
local sizes = {[0xcc] = 2, [0xcd] = 3, [0xce] = 5, [0xcf] = 9}
local function topic(event)
  if byte(event, 1) ~= 0x97 or byte(event, 2) ~= 1 then error('not an event') end
  local seq = after_str(event, 3)
  local app = seq + (byte(event, seq) < 0x80 and 1 or sizes[byte(event, seq)])
  local channel = after_str(event, app)
  local text = after_str(event, channel)
  return text > channel + 1 and sub(event, app, text - 1)
end
local wanted = {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
local last, found, left = ARGV[1], {}, tonumber(ARGV[3])
while left > 0 and #found < 2 * ARGV[2] do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', math.min(left, ARGV[2] - #found / 2))
  for _, entry in ipairs(entries) do
    last = entry[1]
    local event = entry[2][2]
    local ok, key = pcall(topic, event)
    if not ok or not key or wanted[key] then
      table.insert(found, last)
      table.insert(found, event)
    end
  end
  if #entries == 0 then return {last, 0, unpack(found)} end
  left = left - #entries
end
return {last, 1, unpack(found)}
"""
