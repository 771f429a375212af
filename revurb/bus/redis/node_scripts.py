"""The Lua scripts that concern nodes and not channels: leases, heartbeats, notes, and keys that are not as they should
be. They are written as those of scripts.py, which reads them.
"""

from __future__ import annotations

# KEYS: leases, epoch. ARGV: node, lease ms, an epoch for a Redis without one. Returns {now in ms, epoch, 1 if the lease
# is new}.
RENEW_LEASE = """
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local now = now_ms()
local new = redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {string.format('%.0f', now), redis.call('GET', KEYS[2]), new}
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
