"""The Lua scripts that concern an app's connections, and their limit. They are written as those of scripts.py, which
reads them.

The places below the limit are lent to nodes. A node's loan is what it told of its connections and, beside that, its
spare places; the sums of both are kept under '', so that this costs as much with a thousand nodes as with two. A script
never lends more than the limit leaves.

When a node wants a place and there is none, all that have a loan are asked to give back their spare places: that is a
*recall*, a hash with the round (the time in ms) and how many are left to do so. Until much is free again, places are
lent one by one and given back one by one. So, when nobody is left, no place is free anywhere.
"""

from __future__ import annotations

# Shared. `set_places` stores a node's connections and its spare places.
CONNECTIONS_PRELUDE = """
local function set_part(key, node, value)
  local before = tonumber(redis.call('HGET', key, node) or '0') or 0
  if value == before then return end
  local sum = (tonumber(redis.call('HGET', key, '') or '0') or 0) + value - before
  if sum > 0 then redis.call('HSET', key, '', string.format('%.0f', sum)) else redis.call('HDEL', key, '') end
  if value > 0 then
    redis.call('HSET', key, node, string.format('%.0f', value))
  else
    redis.call('HDEL', key, node)
  end
end
local function set_places(node, topic, count, spare)
  set_part(KEYS[1], node, count)
  set_part(KEYS[4], node, spare)
  if count + spare > 0 then hold(KEYS[2], KEYS[3], topic, node) else let_go(KEYS[2], KEYS[3], topic, node) end
end
"""

# Sets a node's number of connections. KEYS: connections, held, holders, spare, recall. ARGV: node, topic id of the app,
# connections, spare places, the round of a recall that this answers, or ''. Returns 1 during a recall.
SET_CONNECTIONS = (
    CONNECTIONS_PRELUDE
    + """
set_places(ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
local round = redis.call('HGET', KEYS[5], 'round')
if round and round == ARGV[5] then redis.call('HINCRBY', KEYS[5], 'left', -1) end
return round and 1 or 0
"""
)

# Lends places to a node, whose spare ones are given back with that; as many as are wanted are counted as taken.
# KEYS: as for SET_CONNECTIONS. ARGV: node, topic id of the app, connections, limit, places wanted, recall channel,
# ms after which nobody waits for those that are left of a recall. Returns {places, nodes that may have some and have
# not answered, 1 during a recall}: without a recall more than are wanted, as long as many are free.
LEND_PLACES = (
    CONNECTIONS_PRELUDE
    + """
local node, topic, count, limit, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
set_places(node, topic, count, 0)
local function sum(key) return tonumber(redis.call('HGET', key, '') or '0') or 0 end
local free = limit - sum(KEYS[1]) - sum(KEYS[4])
local nodes = math.max(1, redis.call('HLEN', KEYS[1]) - 1)
local now, left = now_ms(), 0
local round = tonumber(redis.call('HGET', KEYS[5], 'round') or '')
if round and (round > now or free >= wanted + math.max(2 * nodes, limit / 8)) then
  redis.call('DEL', KEYS[5])
  round = nil
end
local grant = math.min(free, wanted)
if not round then grant = math.min(free, math.max(wanted, math.floor(free / (2 * nodes)))) end
if grant > 0 then
  local taken = math.min(grant, wanted)
  set_places(node, topic, count + taken, grant - taken)
else
  grant = 0
end
if free >= wanted then return {grant, 0, round and 1 or 0} end
if not round then
  left = redis.call('@PUBLISH@', ARGV[6], string.format('%.0f', now))
  redis.call('HSET', KEYS[5], 'round', string.format('%.0f', now), 'left', left)
elseif now < round + ARGV[7] then
  left = math.max(0, tonumber(redis.call('HGET', KEYS[5], 'left')) or 0)
end
redis.call('PEXPIRE', KEYS[5], 60000)
return {grant, left, 1}
"""
)

# KEYS: connections, asked. ARGV: untold channel. Returns {connections, nodes that are asked to tell their count and
# have not yet}.
COUNT_CONNECTIONS = """
local sum = redis.call('HGET', KEYS[1], '')
return {sum, ask_untold(KEYS[2], ARGV[1])}
"""
