"""The Lua scripts that Redis runs for the bus. Each is one atomic step.

Every script gets the keys and arguments that its comment names. `@PUBLISH@` stands for PUBLISH, or SPUBLISH in a
Cluster. Events are kept for a while in their partition's stream, and are published as `<stream id>\\n<event>`.
"""

from __future__ import annotations

from hashlib import sha1

_PRELUDE = """
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
-- Append an event to the log and publish it. Returns its stream id.
local function publish_event(log, channel, event, kept_ms)
  local oldest = string.format('%.0f', now_ms() - kept_ms)
  local id = redis.call('XADD', log, 'MINID', '~', oldest, '*', 'e', event)
  redis.call('@PUBLISH@', channel, id .. '\\n' .. event)
  return id
end
-- Set how many subscribers of the topic the node has.
local function set_count(counts, occupied, held, topic, channel, node, count)
  if tonumber(count) > 0 then
    redis.call('HSET', counts, node, count)
    redis.call('SADD', occupied, channel)
    redis.call('SADD', held, topic)
  else
    redis.call('HDEL', counts, node)
    redis.call('SREM', held, topic)
    if redis.call('EXISTS', counts) == 0 then redis.call('SREM', occupied, channel) end
  end
end
-- Add the node to those of the user. Returns true if the user had none. A member is {id, info, order, {nodes}}.
local function join(members, user, node, id_json, info_json)
  local packed = redis.call('HGET', members, user)
  if not packed then
    redis.call('HSET', members, user, cmsgpack.pack({id_json, info_json, now_ms(), {node}}))
    return true
  end
  local member = cmsgpack.unpack(packed)
  for _, other in ipairs(member[4]) do
    if other == node then return false end
  end
  table.insert(member[4], node)
  redis.call('HSET', members, user, cmsgpack.pack(member))
  return false
end
-- Remove the node from those of the user. Returns true if it was the last one.
local function leave(members, user, node)
  local packed = redis.call('HGET', members, user)
  if not packed then return false end
  local member, rest, found = cmsgpack.unpack(packed), {}, false
  for _, other in ipairs(member[4]) do
    if other == node then found = true else table.insert(rest, other) end
  end
  if not found then return false end
  if #rest == 0 then
    redis.call('HDEL', members, user)
    return true
  end
  member[4] = rest
  redis.call('HSET', members, user, cmsgpack.pack(member))
  return false
end
local function last_id(log)
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  return last[1] and last[1][1] or '0-0'
end
"""


class RedisScript:
    """A script, and the SHA-1 by which Redis knows it."""

    def __init__(self, body: str, publish: str) -> None:
        self.source = (_PRELUDE + body).replace("@PUBLISH@", publish)
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


# Publishes events. KEYS: for each partition of an event its log and, next to it, its seqs; the cached key of each
# channel whose last event is kept. ARGV: node, kept ms, and as MessagePack a list of events: {index of the log in KEYS,
# seq, topic channel, event}, and for events that are kept also {index of the cached key, text, ttl s}. An event whose
# number is not new was published before, and only the reply was lost. The numbers are stored last: a run that is cut
# off in the middle is repeated, and receivers know the numbers, too.
PUBLISH_BATCH = """
local node, newest = ARGV[1], {}
local oldest = string.format('%.0f', now_ms() - ARGV[2])
for _, e in ipairs(cmsgpack.unpack(ARGV[3])) do
  local log, seq, event = e[1], e[2], e[4]
  local last = newest[log] or tonumber(redis.call('HGET', KEYS[log + 1], node) or '0')
  if seq > last then
    newest[log] = seq
    if e[5] then redis.call('SET', KEYS[e[5]], e[6], 'EX', e[7]) end
    local id = redis.call('XADD', KEYS[log], 'MINID', '~', oldest, '*', 'e', event)
    redis.call('@PUBLISH@', e[3], id .. '\\n' .. event)
  end
end
for log, seq in pairs(newest) do redis.call('HSET', KEYS[log + 1], node, string.format('%.0f', seq)) end
"""

# Counts a subscriber. KEYS: log, counts, occupied, held, members, cached. ARGV: node, topic id, channel, topic channel,
# count, user ('' for none), id, info, added event, kept ms, want members, want cached, marker channel, marker. Returns
# {newest stream id, members, cached, 1 if the user is new}. The marker is published at that point of the events.
ENTER = """
set_count(KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[5])
local new = ARGV[6] ~= '' and join(KEYS[5], ARGV[6], ARGV[1], ARGV[7], ARGV[8])
if new then publish_event(KEYS[1], ARGV[4], ARGV[9], ARGV[10]) end
local members, cached = {}, false
if ARGV[11] == '1' then members = redis.call('HGETALL', KEYS[5]) end
if ARGV[12] == '1' then cached = redis.call('GET', KEYS[6]) end
redis.call('@PUBLISH@', ARGV[13], ARGV[14])
return {last_id(KEYS[1]), members, cached, new and 1 or 0}
"""

# Sets a node's number of subscribers. KEYS: counts, occupied, held. ARGV: node, topic id, channel, count.
SET_COUNT = "set_count(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3], ARGV[1], ARGV[4])"

# Removes a node from those of a user. KEYS: log, counts, occupied, held, members. ARGV: node, topic id, channel, topic
# channel, count ('' does not change it), user, removed event, kept ms. Returns 1 if the user has left.
LEAVE = """
local gone = leave(KEYS[5], ARGV[6], ARGV[1])
if gone then publish_event(KEYS[1], ARGV[4], ARGV[7], ARGV[8]) end
if ARGV[5] ~= '' then set_count(KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[5]) end
return gone and 1 or 0
"""

# Publishes that a user has left who is not in the ledger any more. KEYS: log, members. ARGV: topic channel, user,
# removed event, kept ms. Returns 1 if it was published, 0 if the user is there through another node.
ANNOUNCE_DEPARTED = """
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 0 end
publish_event(KEYS[1], ARGV[1], ARGV[3], ARGV[4])
return 1
"""

# Stores what a node holds of a channel. KEYS: counts, occupied, held, members. ARGV: node, topic id, channel, count,
# then user, id, info of each member. Returns {users who were not there, user and member of each who is in the ledger
# with this node and not in ARGV}.
REPORT_CHANNEL = """
set_count(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3], ARGV[1], ARGV[4])
local new, stale, reported = {}, {}, {}
for i = 5, #ARGV, 3 do
  reported[ARGV[i]] = true
  if join(KEYS[4], ARGV[i], ARGV[1], ARGV[i + 1], ARGV[i + 2]) then table.insert(new, ARGV[i]) end
end
local all = redis.call('HGETALL', KEYS[4])
for i = 1, #all, 2 do
  if not reported[all[i]] then
    for _, node in ipairs(cmsgpack.unpack(all[i + 1])[4]) do
      if node == ARGV[1] then table.insert(stale, all[i]) table.insert(stale, all[i + 1]) end
    end
  end
end
return {new, stale}
"""

# Publishes an event of the bus's own. KEYS: log. ARGV: topic channel, event, kept ms.
PUBLISH_OWN = "return publish_event(KEYS[1], ARGV[1], ARGV[2], ARGV[3])"

# Stores a channel's last event, unless the stored one lasts longer: then that was sent later. KEYS: cached. ARGV: text,
# ttl ms.
CACHE_EVENT = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
"""

# KEYS: counts, members, cached. Returns {subscribers, users, cached, its ttl in ms}.
CHANNEL_STATE = """
local count = 0
for _, of_node in ipairs(redis.call('HVALS', KEYS[1])) do count = count + of_node end
return {count, redis.call('HLEN', KEYS[2]), redis.call('GET', KEYS[3]), redis.call('PTTL', KEYS[3])}
"""

# Counts one more connection of an app. KEYS: connections, held. ARGV: node, topic id of the app, limit. Returns 1, or 0
# if the limit is reached. The sum is stored under '', so that this costs as much with a thousand nodes as with two.
ADMIT = """
if tonumber(redis.call('HGET', KEYS[1], '') or '0') >= tonumber(ARGV[3]) then return 0 end
redis.call('HINCRBY', KEYS[1], '', 1)
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('SADD', KEYS[2], ARGV[2])
return 1
"""

# Sets a node's number of connections. KEYS: connections, held. ARGV: node, topic id of the app, count.
SET_CONNECTIONS = """
local before = redis.call('HGET', KEYS[1], ARGV[1]) or '0'
local sum = redis.call('HINCRBY', KEYS[1], '', tonumber(ARGV[3]) - tonumber(before))
if sum == 0 then redis.call('HDEL', KEYS[1], '') end
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('SADD', KEYS[2], ARGV[2])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('SREM', KEYS[2], ARGV[2])
end
"""

# KEYS: leases, epoch. ARGV: node, lease ms, an epoch for a Redis without one. Returns {now in ms, epoch, 1 if the lease
# is new}.
RENEW_LEASE = """
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local now = now_ms()
local new = redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {string.format('%.0f', now), redis.call('GET', KEYS[2]), new}
"""

# KEYS: leases, removal claims. ARGV: claim ms. Returns the nodes whose leases have ended and that no other node has
# claimed. The caller must remove what they held.
CLAIM_REMOVALS = """
local now, claimed = now_ms(), {}
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  if tonumber(redis.call('HGET', KEYS[2], dead) or '0') <= now then
    redis.call('HSET', KEYS[2], dead, string.format('%.0f', now + ARGV[1]))
    redis.call('PEXPIRE', KEYS[2], ARGV[1])
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


class Scripts:
    """All scripts. `sharded` is for a Redis Cluster."""

    def __init__(self, sharded: bool = False) -> None:
        publish = "SPUBLISH" if sharded else "PUBLISH"
        self.publish_batch = RedisScript(PUBLISH_BATCH, publish)
        self.enter = RedisScript(ENTER, publish)
        self.set_count = RedisScript(SET_COUNT, publish)
        self.leave = RedisScript(LEAVE, publish)
        self.announce_departed = RedisScript(ANNOUNCE_DEPARTED, publish)
        self.report_channel = RedisScript(REPORT_CHANNEL, publish)
        self.publish_own = RedisScript(PUBLISH_OWN, publish)
        self.cache_event = RedisScript(CACHE_EVENT, publish)
        self.channel_state = RedisScript(CHANNEL_STATE, publish)
        self.admit = RedisScript(ADMIT, publish)
        self.set_connections = RedisScript(SET_CONNECTIONS, publish)
        self.renew_lease = RedisScript(RENEW_LEASE, publish)
        self.claim_removals = RedisScript(CLAIM_REMOVALS, publish)
        self.end_removal = RedisScript(END_REMOVAL, publish)
        self.heartbeat = RedisScript(HEARTBEAT, publish)
        self.publish_note = RedisScript(PUBLISH_NOTE, publish)

    def all(self) -> list[RedisScript]:
        """Every script, for loading."""
        return list(vars(self).values())
