"""The Lua scripts that Redis runs for the bus. Each is one atomic step.

Every script gets the keys and arguments that its comment names. `@PUBLISH@` stands for PUBLISH, or SPUBLISH in a
Cluster. Events are kept for a while in their partition's stream, and are published as `<stream id>\\n<event>`.
"""

from __future__ import annotations

from hashlib import sha1

from revurb.bus.redis.connection_scripts import COUNT_CONNECTIONS, LEND_PLACES, SET_CONNECTIONS
from revurb.bus.redis.fact_scripts import (
    CLAIM_SENDING,
    END_SENDING,
    FACTS_DONE,
    PUT_FACT,
    READ_FACTS,
    TELL_COUNT,
    TELL_VACATED,
)
from revurb.bus.redis.history_scripts import (
    FORGET_HISTORY,
    HISTORY_FUNCTIONS,
    KEPT_BYTES,
    MARK_GAP,
    READ_HISTORY,
    entering,
    publishing,
)
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
from revurb.bus.redis.script_functions import SCRIPT_FUNCTIONS


class RedisScript:
    """A script, and the SHA-1 by which Redis knows it."""

    def __init__(self, body: str, publish: str) -> None:
        self.source = (SCRIPT_FUNCTIONS + body).replace("@PUBLISH@", publish)
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


# Publishes events. KEYS: for each partition of an event its log and, next to it, its seqs; the cached key of each
# channel whose last event is kept. ARGV: node, kept ms, and as MessagePack a list of events: {index of the log in KEYS,
# seq, topic channel, event}, and for events that are kept also {index of the cached key, text, ttl s}. An event whose
# number is not new was published before, and only the reply was lost. The numbers are stored last: a run that is cut
# off in the middle is repeated, and receivers know the numbers, too. ARGV may go on with the index of the seqs of the
# run before it and the number of its last event: if that was refused, so is this one, which would make its numbers old.
# A log that cannot be used holds up no others: its error is returned at the end, and the run may be repeated. A log is
# trimmed at every eighth of its lengths, which saves a sixth of the time of a lone event. What stands in for the words
# between @ is in history_scripts.py.
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
@OPEN@local oldest
for _, e in ipairs(cmsgpack.unpack(ARGV[3])) do
  local log, seq, event = e[1], e[2], e[4]
  local last = newest[log] or tonumber(try(log, 'HGET', KEYS[log + 1], node) or '0') or 0
  if seq > last and not broken[log] then
    @PLACE@
    local id = @UNLESS_BROKEN@try(log, 'XADD', KEYS[log], '*', 'e', event)
    if id then
      newest[log] = seq
      if redis.call('XLEN', KEYS[log]) % 8 == 0 then
        oldest = oldest or string.format('%.0f', now_ms() - ARGV[2])
        redis.call('XTRIM', KEYS[log], 'MINID', '~', oldest)
      end
      @KEEP@
      if e[5] then redis.call('SET', KEYS[e[5]], e[6], 'EX', e[7]) end
      redis.call('@PUBLISH@', e[3], id .. '\\n' .. event)
    end
  end
end
for log, seq in pairs(newest) do try(log, 'HSET', KEYS[log + 1], node, string.format('%.0f', seq)) end
@CLOSE@return @REPLY@
"""

# Of the scripts below, which change what facts are made of, the last KEYS may be left out: facts, and what follows. The
# last ARGV are then app and what is wanted of the channel, a sum of the kinds in revurb/pusher/facts.py.

# Counts a subscriber. KEYS: log, counts, occupied, held, holders, members, cached, facts, missed. ARGV: node, topic id,
# channel, topic channel, count, user ('' for none), id, info, added event, kept ms, want members, want cached, marker
# channel, marker, how many users there may be (0 for any number). Returns {newest stream id, members, cached, 1 if the
# user is new}; of a user too many nothing is counted, and it is 2. The marker is published at that point of the events.
# A cache miss is told once in 5 s.
ENTER = """
local most = tonumber(ARGV[15])
if most > 0 and ARGV[6] ~= '' and redis.call('HLEN', KEYS[6]) >= most
    and not read_member(redis.call('HGET', KEYS[6], ARGV[6])) then
  redis.call('@PUBLISH@', ARGV[13], ARGV[14])
  return {last_id(KEYS[1]), {}, false, 2}
end
local told = telling(KEYS[8], ARGV[17], ARGV[16], ARGV[3])
set_count(KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[2], ARGV[3], ARGV[1], ARGV[5], told)
local new = ARGV[6] ~= '' and join(KEYS[6], ARGV[6], ARGV[1], ARGV[7], ARGV[8])
if new then
  publish_event(KEYS[1], ARGV[4], ARGV[9], ARGV[10])
  tell(told, MEMBERS, 'member_added', ARGV[6])
end
local members, cached = {}, false
if ARGV[11] == '1' then members = redis.call('HGETALL', KEYS[6]) end
if ARGV[12] == '1' then
  cached = redis.call('GET', KEYS[7])
  if not cached and is_told(told, CACHE_MISSES) and redis.call('SET', KEYS[9], '', 'NX', 'EX', 5) then
    tell(told, CACHE_MISSES, 'cache_miss')
  end
end
redis.call('@PUBLISH@', ARGV[13], ARGV[14])
return {last_id(KEYS[1]), members, cached, new and 1 or 0}
"""

# Sets a node's number of subscribers. KEYS: counts, occupied, held, holders, facts. ARGV: node, topic id, channel,
# count.
SET_COUNT = """
local told = telling(KEYS[5], ARGV[6], ARGV[5], ARGV[3])
set_count(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[4], told)
"""

# Sets a node's number of subscribers of many channels to 0. KEYS: held, holders, facts, then counts, occupied, members
# of each channel. ARGV: node, then topic id, channel, app, what is wanted of each. Returns the indexes of the channels
# that have members, of which nothing is changed.
REMOVE_COUNTS = """
local function remove(i, n)
  if redis.call('EXISTS', KEYS[i + 2]) == 1 then return true end
  local topic, channel = ARGV[4 * n - 2], ARGV[4 * n - 1]
  local told = telling(KEYS[3], ARGV[4 * n + 1], ARGV[4 * n], channel)
  set_count(KEYS[i], KEYS[i + 1], KEYS[1], KEYS[2], topic, channel, ARGV[1], 0, told)
end
local rest, n = {}, 0
for i = 4, #KEYS, 3 do
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

# Removes a node from those of a user. KEYS: log, counts, occupied, held, holders, members, facts. ARGV: node, topic id,
# channel, topic channel, count ('' does not change it), user, removed event, kept ms. Returns 1 if the user has left.
LEAVE = """
local told = telling(KEYS[7], ARGV[10], ARGV[9], ARGV[3])
local gone = leave(KEYS[6], ARGV[6], ARGV[1])
if gone then
  publish_event(KEYS[1], ARGV[4], ARGV[7], ARGV[8])
  tell(told, MEMBERS, 'member_removed', ARGV[6])
end
if ARGV[5] ~= '' then
  set_count(KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[2], ARGV[3], ARGV[1], ARGV[5], told)
end
return gone and 1 or 0
"""

# Publishes that a user has left who is not in the ledger any more. KEYS: log, members, facts. ARGV: topic channel,
# user, removed event, kept ms, channel. Returns 1 if it was published, 0 if the user is there through another node.
ANNOUNCE_DEPARTED = """
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 0 end
publish_event(KEYS[1], ARGV[1], ARGV[3], ARGV[4])
tell(telling(KEYS[3], ARGV[7], ARGV[6], ARGV[5]), MEMBERS, 'member_removed', ARGV[2])
return 1
"""

# Stores what a node holds of a channel. KEYS: counts, occupied, held, holders, members, facts. ARGV: node, topic id,
# channel, count, app, wanted, then user, id, info of each member. Returns {users who were not there, user and member of
# each who is in the ledger with this node and not in ARGV}.
REPORT_CHANNEL = """
local told = telling(KEYS[6], ARGV[6], ARGV[5], ARGV[3])
set_count(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3], ARGV[1], ARGV[4], told)
local new, stale, reported = {}, {}, {}
for i = 7, #ARGV, 3 do
  reported[ARGV[i]] = true
  if join(KEYS[5], ARGV[i], ARGV[1], ARGV[i + 1], ARGV[i + 2]) then
    table.insert(new, ARGV[i])
    tell(told, MEMBERS, 'member_added', ARGV[i])
  end
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
        self.publish_batch = RedisScript(publishing(PUBLISH_BATCH, has_history=False), publish)
        self.publish_kept = RedisScript(publishing(PUBLISH_BATCH, has_history=True), publish)
        self.enter = RedisScript(ENTER, publish)
        self.enter_with_history = RedisScript(entering(ENTER), publish)
        self.read_history = RedisScript(HISTORY_FUNCTIONS + READ_HISTORY, publish)
        self.forget_history = RedisScript(HISTORY_FUNCTIONS + FORGET_HISTORY, publish)
        self.mark_gap = RedisScript(HISTORY_FUNCTIONS + MARK_GAP, publish)
        self.kept_bytes = RedisScript(HISTORY_FUNCTIONS + KEPT_BYTES, publish)
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
        self.put_fact = RedisScript(PUT_FACT, publish)
        self.tell_vacated = RedisScript(TELL_VACATED, publish)
        self.tell_count = RedisScript(TELL_COUNT, publish)
        self.claim_sending = RedisScript(CLAIM_SENDING, publish)
        self.end_sending = RedisScript(END_SENDING, publish)
        self.read_facts = RedisScript(READ_FACTS, publish)
        self.facts_done = RedisScript(FACTS_DONE, publish)

    def all(self) -> list[RedisScript]:
        """Every script, for loading."""
        return list(vars(self).values())
