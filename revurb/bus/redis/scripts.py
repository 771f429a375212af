"""The Lua scripts that Redis runs for the bus. Each is one atomic step.

Every script gets the keys and arguments that its comment names. `@PUBLISH@` stands for PUBLISH, or SPUBLISH in a
Cluster. Events are kept for a while in their partition's stream, and are published as `<stream id>\\n<event>`.
"""

from __future__ import annotations

from hashlib import sha1

from revurb.bus.redis.connection_scripts import COUNT_CONNECTIONS, LEND_PLACES, SET_CONNECTIONS
from revurb.bus.redis.node_scripts import (
    AGREE_ON_PARTITIONS,
    CLAIM_REMOVALS,
    END_REMOVAL,
    GRANT_LEASE,
    HEARTBEAT,
    LAST_ID,
    PUBLISH_NOTE,
    READ_LOG,
    RENEW_LEASE,
    SET_ASIDE,
)

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
-- The node holds the topic, or does not any more. Whoever holds anything is among the holders, from the same step on,
-- so that it is found when it is dead, whether it had a lease or not.
local function hold(held, holders, topic, node)
  if redis.call('SADD', held, topic) == 1 then redis.call('SADD', holders, node) end
end
local function let_go(held, holders, topic, node)
  redis.call('SREM', held, topic)
  if redis.call('EXISTS', held) == 0 then redis.call('SREM', holders, node) end
end
-- Set how many subscribers of the topic the node has.
local function set_count(counts, occupied, held, holders, topic, channel, node, count)
  if tonumber(count) > 0 then
    redis.call('HSET', counts, node, count)
    redis.call('SADD', occupied, channel)
    hold(held, holders, topic, node)
  else
    redis.call('HDEL', counts, node)
    let_go(held, holders, topic, node)
    if redis.call('EXISTS', counts) == 0 then redis.call('SREM', occupied, channel) end
  end
end
-- A member is {id, info, order, {nodes}}. Returns nil for anything else, which counts as nobody.
local function read_member(packed)
  local ok, member = pcall(cmsgpack.unpack, packed or '')
  if ok and type(member) == 'table' and type(member[4]) == 'table' then return member end
end
-- Add the node to those of the user. Returns true if the user had none.
local function join(members, user, node, id_json, info_json)
  local member = read_member(redis.call('HGET', members, user))
  if not member then
    redis.call('HSET', members, user, cmsgpack.pack({id_json, info_json, now_ms(), {node}}))
    return true
  end
  for _, other in ipairs(member[4]) do
    if other == node then return false end
  end
  table.insert(member[4], node)
  redis.call('HSET', members, user, cmsgpack.pack(member))
  return false
end
-- Remove the node from those of the user. Returns true if it was the last one.
local function leave(members, user, node)
  local member, rest, found = read_member(redis.call('HGET', members, user)), {}, false
  if not member then return false end
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
-- Make those nodes tell their counts that listen for that, since they have not told all changes: at most once in 50 ms,
-- whoever asks. Returns how many of them have not done so.
local function ask_untold(asked, channel)
  local now, before = now_ms(), redis.pcall('HMGET', asked, 'round', 'left')
  local age_ms = now - (not before.err and tonumber(before[1] or '') or 0)
  if age_ms >= 0 and age_ms < 50 then return tonumber(before[2] or '') or 0 end
  if before.err or before[1] then redis.call('DEL', asked) end
  local round = string.format('%.0f', now)
  local listening = redis.call('@PUBLISH@', channel, round)
  if listening > 0 then
    redis.pcall('HSET', asked, 'round', round, 'left', listening)
    redis.pcall('PEXPIRE', asked, 50)
  end
  return listening
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
# off in the middle is repeated, and receivers know the numbers, too. ARGV may go on with the index of the seqs of the
# run before it and the number of its last event: if that was refused, so is this one, which would make its numbers old.
# A log that cannot be used holds up no others: its error is returned at the end, and the run may be repeated. A log is
# trimmed at every eighth of its lengths, which saves a sixth of the time of a lone event.
PUBLISH_BATCH = """
local node, newest, broken, failure = ARGV[1], {}, {}, nil
local function try(log, ...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  broken[log], failure = true, reply
end
if ARGV[4] then
  local last = redis.pcall('HGET', KEYS[tonumber(ARGV[4])], node)
  if (tonumber(type(last) == 'string' and last or '0') or 0) < tonumber(ARGV[5]) then
    return redis.error_reply('UNORDERED events that were sent before these were refused')
  end
end
local oldest
for _, e in ipairs(cmsgpack.unpack(ARGV[3])) do
  local log, seq, event = e[1], e[2], e[4]
  local last = newest[log] or tonumber(try(log, 'HGET', KEYS[log + 1], node) or '0') or 0
  if seq > last and not broken[log] then
    local id = try(log, 'XADD', KEYS[log], '*', 'e', event)
    if id then
      newest[log] = seq
      if redis.call('XLEN', KEYS[log]) % 8 == 0 then
        oldest = oldest or string.format('%.0f', now_ms() - ARGV[2])
        redis.call('XTRIM', KEYS[log], 'MINID', '~', oldest)
      end
      if e[5] then redis.call('SET', KEYS[e[5]], e[6], 'EX', e[7]) end
      redis.call('@PUBLISH@', e[3], id .. '\\n' .. event)
    end
  end
end
for log, seq in pairs(newest) do try(log, 'HSET', KEYS[log + 1], node, string.format('%.0f', seq)) end
return failure
"""

# Counts a subscriber. KEYS: log, counts, occupied, held, holders, members, cached. ARGV: node, topic id, channel, topic
# channel, count, user ('' for none), id, info, added event, kept ms, want members, want cached, marker channel, marker.
# Returns {newest stream id, members, cached, 1 if the user is new}. The marker is published at that point of the
# events.
ENTER = """
set_count(KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[2], ARGV[3], ARGV[1], ARGV[5])
local new = ARGV[6] ~= '' and join(KEYS[6], ARGV[6], ARGV[1], ARGV[7], ARGV[8])
if new then publish_event(KEYS[1], ARGV[4], ARGV[9], ARGV[10]) end
local members, cached = {}, false
if ARGV[11] == '1' then members = redis.call('HGETALL', KEYS[6]) end
if ARGV[12] == '1' then cached = redis.call('GET', KEYS[7]) end
redis.call('@PUBLISH@', ARGV[13], ARGV[14])
return {last_id(KEYS[1]), members, cached, new and 1 or 0}
"""

# Sets a node's number of subscribers. KEYS: counts, occupied, held, holders. ARGV: node, topic id, channel, count.
SET_COUNT = "set_count(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[4])"

# Sets a node's number of subscribers of many channels to 0. KEYS: held, holders, then counts, occupied, members of each
# channel. ARGV: node, then topic id, channel of each. Returns the indexes of the channels that have members, of which
# nothing is changed.
REMOVE_COUNTS = """
local function remove(i, n)
  if redis.call('EXISTS', KEYS[i + 2]) == 1 then return true end
  set_count(KEYS[i], KEYS[i + 1], KEYS[1], KEYS[2], ARGV[2 * n], ARGV[2 * n + 1], ARGV[1], 0)
end
local rest, n = {}, 0
for i = 3, #KEYS, 3 do
  n = n + 1
  local ok, has_members = pcall(remove, i, n)
  if not ok or has_members then table.insert(rest, n) end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
return rest
"""

# Begins the removal of a node from a partition. KEYS: held, holders, seqs. ARGV: node. Returns what it holds; if it is
# nothing, the node is removed, which is all there is to do in most partitions.
LIST_HELD = """
local topics = redis.call('SMEMBERS', KEYS[1])
if #topics == 0 then
  redis.call('SREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return topics
"""

# Removes a node from those of a user. KEYS: log, counts, occupied, held, holders, members. ARGV: node, topic id,
# channel, topic channel, count ('' does not change it), user, removed event, kept ms. Returns 1 if the user has left.
LEAVE = """
local gone = leave(KEYS[6], ARGV[6], ARGV[1])
if gone then publish_event(KEYS[1], ARGV[4], ARGV[7], ARGV[8]) end
if ARGV[5] ~= '' then
  set_count(KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[2], ARGV[3], ARGV[1], ARGV[5])
end
return gone and 1 or 0
"""

# Publishes that a user has left who is not in the ledger any more. KEYS: log, members. ARGV: topic channel, user,
# removed event, kept ms. Returns 1 if it was published, 0 if the user is there through another node.
ANNOUNCE_DEPARTED = """
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 0 end
publish_event(KEYS[1], ARGV[1], ARGV[3], ARGV[4])
return 1
"""

# Stores what a node holds of a channel. KEYS: counts, occupied, held, holders, members. ARGV: node, topic id, channel,
# count, then user, id, info of each member. Returns {users who were not there, user and member of each who is in the
# ledger with this node and not in ARGV}.
REPORT_CHANNEL = """
set_count(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[4])
local new, stale, reported = {}, {}, {}
for i = 5, #ARGV, 3 do
  reported[ARGV[i]] = true
  if join(KEYS[5], ARGV[i], ARGV[1], ARGV[i + 1], ARGV[i + 2]) then table.insert(new, ARGV[i]) end
end
local all = redis.call('HGETALL', KEYS[5])
for i = 1, #all, 2 do
  if not reported[all[i]] then
    local member = read_member(all[i + 1])
    for _, node in ipairs(member and member[4] or {}) do
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

# KEYS: for each channel counts, members, cached, asked. ARGV: for each its untold channel. Returns for each
# {subscribers, users, cached, its ttl in ms, nodes that are asked to tell their count and have not yet}, or an error
# text where a value cannot be used.
CHANNEL_STATES = """
local function state(counts, members, cached, asked, untold_channel)
  local count = 0
  for _, of_node in ipairs(redis.call('HVALS', counts)) do count = count + (tonumber(of_node) or 0) end
  return {
    count, redis.call('HLEN', members), redis.call('GET', cached), redis.call('PTTL', cached),
    ask_untold(asked, untold_channel)
  }
end
local states = {}
for i = 1, #KEYS, 4 do
  local ok, found = pcall(state, KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3], ARGV[(i + 3) / 4])
  table.insert(states, ok and found or (type(found) == 'table' and found.err or tostring(found)))
end
return states
"""

# A node has told its count. KEYS: asked. ARGV: the round in which it was asked.
COUNT_TOLD = """
if redis.call('HGET', KEYS[1], 'round') == ARGV[1] then redis.call('HINCRBY', KEYS[1], 'left', -1) end
"""


class Scripts:
    """All scripts. `sharded` is for a Redis Cluster."""

    def __init__(self, sharded: bool = False) -> None:
        publish = "SPUBLISH" if sharded else "PUBLISH"
        self.publish_batch = RedisScript(PUBLISH_BATCH, publish)
        self.enter = RedisScript(ENTER, publish)
        self.set_count = RedisScript(SET_COUNT, publish)
        self.list_held = RedisScript(LIST_HELD, publish)
        self.remove_counts = RedisScript(REMOVE_COUNTS, publish)
        self.leave = RedisScript(LEAVE, publish)
        self.announce_departed = RedisScript(ANNOUNCE_DEPARTED, publish)
        self.report_channel = RedisScript(REPORT_CHANNEL, publish)
        self.publish_own = RedisScript(PUBLISH_OWN, publish)
        self.cache_event = RedisScript(CACHE_EVENT, publish)
        self.channel_states = RedisScript(CHANNEL_STATES, publish)
        self.count_connections = RedisScript(COUNT_CONNECTIONS, publish)
        self.count_told = RedisScript(COUNT_TOLD, publish)
        self.set_aside = RedisScript(SET_ASIDE, publish)
        self.lend_places = RedisScript(LEND_PLACES, publish)
        self.set_connections = RedisScript(SET_CONNECTIONS, publish)
        self.agree_on_partitions = RedisScript(AGREE_ON_PARTITIONS, publish)
        self.renew_lease = RedisScript(RENEW_LEASE, publish)
        self.grant_lease = RedisScript(GRANT_LEASE, publish)
        self.claim_removals = RedisScript(CLAIM_REMOVALS, publish)
        self.end_removal = RedisScript(END_REMOVAL, publish)
        self.last_id = RedisScript(LAST_ID, publish)
        self.heartbeat = RedisScript(HEARTBEAT, publish)
        self.read_log = RedisScript(READ_LOG, publish)
        self.publish_note = RedisScript(PUBLISH_NOTE, publish)

    def all(self) -> list[RedisScript]:
        """Every script, for loading."""
        return list(vars(self).values())
