"""The Lua scripts about facts (revurb/pusher/facts.py). They are written as those of scripts.py, which reads them.

Each partition has a queue of facts: a stream, to which the script that decides something appends it, and which one
node reads as the consumer group `senders`. The name of the stream is also that of a channel on which the node is told
that there is something in it.
"""

from __future__ import annotations

# For the scripts of scripts.py. An hour, or 4 MB of a partition, is more than a cluster without a sender may be late.
FACT_FUNCTIONS = """
local function put_fact(queue, fact)
  redis.call('XADD', queue, '*', 'f', fact)
  local length = redis.call('XLEN', queue)
  if length % 64 == 0 then
    redis.call('XTRIM', queue, 'MINID', '~', string.format('%.0f', now_ms() - 3600000))
    if redis.call('MEMORY', 'USAGE', queue) > 4194304 then
      redis.call('XTRIM', queue, 'MAXLEN', '~', math.floor(length / 2))
    end
  end
  redis.call('@PUBLISH@', queue, '')
end
-- What is to be told of a channel: the queue, a sum of what is wanted, app and channel. nil if it is nothing.
local function telling(queue, wanted, app, channel)
  return queue and {queue, tonumber(wanted), app, channel}
end
local OCCUPANCY, MEMBERS, CACHE_MISSES, COUNTS, COUNT_EVENTS = 1, 2, 4, 16, 32
local function is_told(told, what) return told and bit.band(told[2], what) ~= 0 end
-- Tell it, if that is wanted.
local function tell(told, what, kind, user, count)
  if is_told(told, what) then
    put_fact(told[1], cmsgpack.pack({kind, told[3], told[4], now_ms(), user or '', count or 0}))
  end
end
"""

# Puts a fact that a node has decided into the queue, once: what is not confirmed is sent again, perhaps after the node
# was given up. KEYS: facts, recorded. ARGV: the fact, its number among those of the node, how long that is known in s.
PUT_FACT = """
if (tonumber(redis.call('GET', KEYS[2]) or '') or 0) < tonumber(ARGV[2]) then
  put_fact(KEYS[1], ARGV[1])
  redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
end
"""

# A channel may have become vacant while Redis had lost its memory. KEYS: counts, facts. ARGV: channel, app, wanted.
TELL_VACATED = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  tell(telling(KEYS[2], ARGV[3], ARGV[2], ARGV[1]), OCCUPANCY, 'channel_vacated')
end
"""

# A channel's number of subscribers may have changed: tells it to those, and to whoever wants the fact. KEYS: log,
# counts, told count, facts. ARGV: wanted, app, channel, topic channel, the event up to its text, the text before and
# after the number, kept ms, of how many subscribers it is told less often, and how often in ms. Returns after how many
# ms it is to be told, 0 if it is.
TELL_COUNT = """
local total = 0
for _, of_node in ipairs(redis.call('HVALS', KEYS[2])) do total = total + (tonumber(of_node) or 0) end
if total <= 0 then
  redis.call('DEL', KEYS[3])
  return 0
end
local last = redis.call('HMGET', KEYS[3], 'count', 'at')
if tonumber(last[1] or '') == total then return 0 end
local now = now_ms()
local age = now - (tonumber(last[2] or '') or 0)
if total > tonumber(ARGV[9]) and last[1] and age >= 0 and age < tonumber(ARGV[10]) then return ARGV[10] - age end
local number = string.format('%.0f', total)
redis.call('HSET', KEYS[3], 'count', number, 'at', string.format('%.0f', now))
local told = telling(KEYS[4], ARGV[1], ARGV[2], ARGV[3])
if is_told(told, COUNT_EVENTS) then
  local text = ARGV[6] .. number .. ARGV[7]
  local size = string.char(0xc5, math.floor(#text / 256), #text % 256)
  publish_event(KEYS[1], ARGV[4], ARGV[5] .. size .. text .. string.char(0xc0), ARGV[8])
end
tell(told, COUNTS, 'subscription_count', '', total)
return 0
"""

# One node sends at a time. KEYS: sender. ARGV: node, lease ms. Returns 1 if it is this node, for that long.
CLAIM_SENDING = """
local sender = redis.call('GET', KEYS[1])
if sender and sender ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: sender. ARGV: node.
END_SENDING = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

# Reads facts. KEYS: facts. ARGV: node, how many at most, and from where: '' for those that nobody has read, else of
# those that a sender has read and that are not done. Returns {where to go on, or '' if there are no more of these, id
# and fact of each}.
READ_FACTS = """
local key, node, count, from, entries = KEYS[1], ARGV[1], ARGV[2], ARGV[3], {}
if redis.call('EXISTS', key) == 0 then return {''} end
redis.pcall('XGROUP', 'CREATE', key, 'senders', '0')
local next_from = ''
if from == '' then
  local reply = redis.call('XREADGROUP', 'GROUP', 'senders', node, 'COUNT', count, 'STREAMS', key, '>')
  entries = reply and reply[1] and reply[1][2] or {}
else
  local reply = redis.call('XAUTOCLAIM', key, 'senders', node, 0, from, 'COUNT', count)
  next_from, entries = reply[1], reply[2]
  if next_from == '0-0' then
    next_from = ''
    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', key, 'senders')) do
      if consumer[2] ~= node and consumer[4] == 0 then
        redis.call('XGROUP', 'DELCONSUMER', key, 'senders', consumer[2])
      end
    end
  end
end
local found = {next_from}
for _, entry in ipairs(entries) do
  if entry and entry[2] then
    table.insert(found, entry[1])
    table.insert(found, entry[2][2])
  end
end
return found
"""

# KEYS: facts. ARGV: ids.
FACTS_DONE = """
redis.pcall('XACK', KEYS[1], 'senders', unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV))
"""
