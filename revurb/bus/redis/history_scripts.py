"""The Lua scripts about channels with history. They are written as those of scripts.py, which reads them.

A channel has a *head*, the string `EPOCH NUMBER OLDEST TTL NOTED LENGTH`: the position of its newest event; a time in
ms before which none of those is that are kept; for how long they are, in ms; when the end of the stream was set last,
in ms; how many there were then. And a stream of the events, whose ids are `<number>-<ms>`, with the text as `t`, and
the socket id that an event excluded as `x`. Numbers have no holes, so those that are not kept any more are the ones
up to NUMBER - XLEN, whoever has dropped them: a size, a time, Redis, or an operator.

EPOCH begins with the server's `master_replid`, which is another one each time a server begins to be a primary: when it
was started, whatever it has read from its disk, and when it takes over. A head with another one is of a life of which
the end may be lost: the channel begins anew. The rest of EPOCH is the time at which it began.

The bytes of an app's channels are in a hash for each partition, by channel and their sum as ``; they are averages where
events were dropped. A sorted set says when a channel's stream has ended, and its bytes are none. Where there are more
bytes than may be, the channels whose streams end first are dropped, and if that is not enough the oldest of the own.
"""

from __future__ import annotations

HISTORY_FUNCTIONS = """
local function whole(number) return string.format('%.0f', number) end
-- What the epochs begin with in this life of the server; nil if it may not be asked.
local function life_of_server()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x%x%x%x%x%x%x%x)') or nil
end
local function base36(number)
  local text = ''
  while number > 0 do
    local digit = number % 36
    text = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, digit + 1) .. text
    number = math.floor(number / 36)
  end
  return text
end
-- Read a head, or begin a channel anew where there is none of this life; `is_new` then.
local function read_head(text, life, events, now)
  local epoch, number, oldest, ttl, noted, len = string.match(text or '', '^(%w+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  if epoch and string.sub(epoch, 1, 8) == life then
    return {
      epoch = epoch, number = tonumber(number), oldest = tonumber(oldest), ttl = tonumber(ttl),
      noted = tonumber(noted), len = tonumber(len)
    }
  end
  redis.call('DEL', events)
  return {epoch = life .. base36(now), number = 0, oldest = now, ttl = 0, noted = 0, len = 0, is_new = true}
end
-- It is kept for a day longer than the events, so that whoever has them all is known.
local function write_head(key, head)
  local text = table.concat({
    head.epoch, whole(head.number), whole(head.oldest), whole(head.ttl), whole(head.noted), whole(head.len)
  }, ' ')
  redis.call('SET', key, text, 'PX', whole(head.ttl + 86400000))
end
-- Drop the events that are too old. Returns how many are left. The first that is not is looked for by halves.
local function prune(head, events, now)
  local len = redis.call('XLEN', events)
  if len == 0 or head.oldest > now - head.ttl then return len end
  local first, last, oldest = head.number - len + 1, head.number + 1, nil
  while first < last do
    local middle = math.floor((first + last) / 2)
    local entry = redis.call('XRANGE', events, whole(middle) .. '-0', '+', 'COUNT', 1)[1]
    local ms = entry and tonumber(string.match(entry[1], '-(%d+)$'))
    if ms and ms <= now - head.ttl then
      first = middle + 1
    else
      last, oldest = middle, ms
    end
  end
  if not oldest then
    redis.call('DEL', events)
    return 0
  end
  head.oldest = oldest
  return len - redis.call('XTRIM', events, 'MINID', '=', whole(first))
end
local function bin32(text) return '\\198' .. struct.pack('>I4', #text) .. text end
local function position(head) return head.epoch .. '-' .. whole(head.number) end
-- Why not all events after a position are there; '' if they are. Next to it, how many are kept.
local function failure_of(head, events, now, epoch, number)
  number = tonumber(number)
  local len = prune(head, events, now)
  if not number then return 'invalid', len end
  if epoch ~= head.epoch then return 'epoch', len end
  if number > head.number then return 'invalid', len end
  return number < head.number - len and 'expired' or '', len
end
local function fields(entry)
  local text, except = entry[2][2], entry[2][4]
  return text, except
end
"""

# Goes before ENTER, which it takes its own KEYS and ARGV from: KEYS end with head and events, ARGV with what is asked
# for ('' for the position alone, else '1'), epoch and number of the position that the subscriber has ('' for none),
# its former socket id, how many events it may get, and with how many bytes. `replay` returns {position, failure,
# events}, or false where there is no history.
ENTER_HISTORY = """
local events_key, head_key = table.remove(KEYS), table.remove(KEYS)
local max_bytes, max_events = tonumber(table.remove(ARGV)), tonumber(table.remove(ARGV))
local excepted, after, epoch, is_asked = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
local function replay()
  local life = life_of_server()
  if not life then return false end
  local now = now_ms()
  local head = read_head(redis.call('GET', head_key), life, events_key, now)
  local failure, found, bytes = '', {}, 0
  if is_asked == '1' then
    failure = failure_of(head, events_key, now, epoch, after)
    if failure == '' and head.number - after > 2 * max_events then failure = 'limit' end
    local from = failure == '' and tonumber(after) < head.number and whole(after + 1) .. '-0'
    while from and failure == '' do
      local some = redis.call('XRANGE', events_key, from, '+', 'COUNT', 32)
      from = #some == 32 and '(' .. some[32][1]
      for _, entry in ipairs(some) do
        local text, except = fields(entry)
        if not except or except ~= excepted then
          table.insert(found, text)
          bytes = bytes + #text
        end
      end
      if #found > max_events or bytes > max_bytes then failure = 'limit' end
    end
  end
  write_head(head_key, head)
  return {position(head), failure, failure == '' and found or {}}
end
"""

# Reads events of a channel. KEYS: head, events. ARGV: epoch and number after which they begin ('' for the last ones),
# how many at most, and with how many bytes; one is returned in any case. Returns {position, failure, 1 if there are
# more after them, events}, or false where there is no history. With a failure they are the oldest.
READ_HISTORY = """
local life, now = life_of_server(), now_ms()
if not life then return false end
local head = read_head(redis.call('GET', KEYS[1]), life, KEYS[2], now)
local limit, left, found = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
local failure, len, from, entries
if ARGV[1] == '' then
  failure, len = '', prune(head, KEYS[2], now)
  from = head.number - math.min(len, limit) + 1
else
  failure, len = failure_of(head, KEYS[2], now, ARGV[1], ARGV[2])
  from = failure == '' and ARGV[2] + 1 or head.number - len + 1
end
local last = from - 1
while last < head.number and limit > 0 and left > 0 do
  local some = redis.call('XRANGE', KEYS[2], whole(last + 1) .. '-0', '+', 'COUNT', math.min(limit, 32))
  if #some == 0 then break end
  for _, entry in ipairs(some) do
    local text = fields(entry)
    left = left - #text
    if left < 0 and #found > 0 then break end
    table.insert(found, text)
    last, limit = tonumber(string.match(entry[1], '^%d+')), limit - 1
  end
end
if head.is_new then write_head(KEYS[1], head) end
return {position(head), failure, last < head.number and 1 or 0, found}
"""

# Drops the events of a channel; its numbers go on. KEYS: head, events, bytes, due. ARGV: channel.
FORGET_HISTORY = """
redis.call('DEL', KEYS[2])
local bytes = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '')
if bytes then
  redis.call('HINCRBY', KEYS[3], '', whole(-bytes))
  redis.call('HDEL', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
end
"""

# Notes that events of a channel were lost, by an event that says so. KEYS: log, head, events. ARGV: topic channel,
# envelope before and after its text, text, kept ms, how many events are kept, and for how many ms.
MARK_GAP = """
local life, now, text, ttl = life_of_server(), now_ms(), ARGV[4], tonumber(ARGV[7])
if life then
  local head = read_head(redis.call('GET', KEYS[2]), life, KEYS[3], now)
  local len = prune(head, KEYS[3], now)
  head.number, head.ttl, head.noted = head.number + 1, ttl, 0
  if len == 0 then head.oldest = now end
  text = string.sub(text, 1, -2) .. ',"id":"' .. position(head) .. '"}'
  redis.call('XADD', KEYS[3], 'MAXLEN', '=', ARGV[6], whole(head.number) .. '-' .. whole(now), 't', text)
  redis.call('PEXPIRE', KEYS[3], whole(ttl * 1.1))
  head.len = redis.call('XLEN', KEYS[3])
  write_head(KEYS[2], head)
end
publish_event(KEYS[1], ARGV[1], ARGV[2] .. bin32(text) .. ARGV[3], ARGV[5])
"""

# KEYS: for each partition, bytes and due of an app. Returns the sum of the bytes of each. What has ended is taken
# off, of 100 channels in each partition at a time.
KEPT_BYTES = """
local now, sums = whole(now_ms()), {}
for i = 1, #KEYS, 2 do
  local sum = tonumber(redis.call('HGET', KEYS[i], '') or '') or 0
  for _, channel in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i + 1], '-inf', now, 'LIMIT', 0, 100)) do
    sum = sum - (tonumber(redis.call('HGET', KEYS[i], channel) or '') or 0)
    redis.call('HDEL', KEYS[i], channel)
    redis.call('ZREM', KEYS[i + 1], channel)
    redis.call('HSET', KEYS[i], '', whole(math.max(sum, 0)))
  end
  table.insert(sums, math.floor(math.max(sum, 0)))
end
return sums
"""

# What PUBLISH_BATCH has besides, where events of channels with history are among those that it publishes. Such an
# event has {..., envelope before its text, index of the cached key or false, text, ttl s, {index of the head in KEYS,
# where the events' key follows; index of the app's bytes, where due follows; envelope behind the text, excluded
# socket id or false, how many events are kept, for how many ms, how many bytes of the app in this partition,
# channel}}. The reply is a list: index of an app's bytes, and their sum.
KEPT_BEFORE = """
local life, now, heads, sums, opened = nil, nil, {}, {}, {}
local function open(log, k)
  if life == nil then life, now = life_of_server() or false, now_ms() end
  local index = k[1]
  if not life or heads[index] then return life and heads[index] end
  local events = KEYS[index + 1]
  local text = try(log, 'GET', KEYS[index])
  local found = try(log, 'HMGET', KEYS[k[2]], k[8], '')
  if not try(log, 'XLEN', events) or not found or broken[log] then return end
  local head = read_head(text, life, events, now)
  local len = prune(head, events, now)
  head.k, head.bytes = k, len > 0 and (tonumber(found[1] or '') or 0) * math.min(1, len / math.max(1, head.len)) or 0
  sums[k[2]] = (sums[k[2]] or tonumber(found[2] or '') or 0) - (tonumber(found[1] or '') or 0) + head.bytes
  head.len = len
  if len == 0 then head.noted = 0 end
  heads[index], opened[events] = head, true
  return head
end
-- Drop so many bytes of the channels that were silent for longest, none of this run. Returns how many it were. Their
-- keys are in the partition of those in KEYS; where a server refuses them all the same, nothing is dropped.
local function drop_silent(k, wanted)
  local bytes, due, events, dropped = KEYS[k[2]], KEYS[k[2] + 1], KEYS[k[1] + 1], 0
  local begin, some = string.sub(events, 1, -1 - #k[8]), redis.pcall('ZRANGE', due, 0, 15)
  for _, channel in ipairs(some) do
    if dropped >= wanted then break end
    if not opened[begin .. channel] then
      if type(redis.pcall('DEL', begin .. channel)) ~= 'number' then break end
      dropped = dropped + (tonumber(redis.call('HGET', bytes, channel) or '') or 0)
      redis.call('HDEL', bytes, channel)
      redis.call('ZREM', due, channel)
    end
  end
  sums[k[2]] = sums[k[2]] - dropped
  return dropped
end
-- The envelope of an event, with its position in the text.
local function place(log, e)
  local k, text = e[8], e[6]
  local head = open(log, k)
  if head then
    text = string.sub(text, 1, -2) .. ',"id":"' .. head.epoch .. '-' .. whole(head.number + 1) .. '"}'
    e[6] = text
  end
  return e[4] .. bin32(text) .. k[3]
end
local function keep(e)
  local k, text = e[8], e[6]
  local head = heads[k[1]]
  if not head then return end
  local events, size, sum = KEYS[k[1] + 1], k[5], k[2]
  head.k, head.number = k, head.number + 1
  if head.len == 0 then head.oldest = now end
  local id = whole(head.number) .. '-' .. whole(now)
  local function add()
    if k[4] then return redis.pcall('XADD', events, id, 't', text, 'x', k[4]) end
    return redis.pcall('XADD', events, id, 't', text)
  end
  local reply = add()
  if type(reply) == 'table' and reply.err then  -- something else has written there
    redis.call('DEL', events)
    add()
    sums[sum], head.len, head.bytes, head.noted = sums[sum] - head.bytes, 0, 0, 0
  end
  local added, before = #text + 100, head.bytes
  head.len, head.bytes = head.len + 1, head.bytes + added
  local most = math.min(head.len, size)
  -- At most twice what comes: each partition that is published in takes all that is over for its own.
  local over = math.min(2 * added, sums[sum] + head.bytes * most / head.len - before - k[7])
  if over > 0 and drop_silent(k, over) < over then
    most = math.max(0, math.min(most, head.len - math.ceil(2 * added * head.len / head.bytes)))
  end
  if most < head.len then
    redis.call('XTRIM', events, 'MAXLEN', '=', most)
    head.bytes, head.len = head.bytes * most / head.len, most
  end
  sums[sum] = sums[sum] + head.bytes - before
end
"""
KEPT_AFTER = """
local kept = {}
for index, head in pairs(heads) do
  local k = head.k
  local ttl, bytes, due = k[6], KEYS[k[2]], KEYS[k[2] + 1]
  -- Not for each event: the key, and what is noted of it, last for a tenth longer than the events.
  if head.ttl ~= ttl or now - head.noted > ttl / 10 then
    head.ttl, head.noted = ttl, now
    redis.call('PEXPIRE', KEYS[index + 1], whole(ttl * 1.1))
    try(index, 'ZADD', due, whole(now + ttl * 1.1), k[8])
    redis.pcall('PEXPIRE', due, whole(ttl + 86400000))
    redis.call('PEXPIRE', bytes, whole(ttl + 86400000))
  end
  write_head(KEYS[index], head)
  redis.call('HSET', bytes, k[8], whole(head.bytes), '', whole(math.max(0, sums[k[2]])))
  kept[k[2]] = math.floor(math.max(0, sums[k[2]]))
end
local reply = {}
for index, sum in pairs(kept) do
  table.insert(reply, index)
  table.insert(reply, sum)
end
"""

_PARTS = {
    "@OPEN@": KEPT_BEFORE,
    "@PLACE@": "if e[8] then event = place(log, e) end",
    "@UNLESS_BROKEN@": "not broken[log] and ",
    "@KEEP@": "if e[8] then keep(e) end",
    "@CLOSE@": KEPT_AFTER,
    "@REPLY@": "failure or reply",
}


def publishing(publish_batch: str, *, has_history: bool) -> str:
    """PUBLISH_BATCH for events of which some are of channels with history, or of which none is: that has nothing of
    all this."""
    for name, part in _PARTS.items():
        plain = "failure" if name == "@REPLY@" else ""
        publish_batch = publish_batch.replace(name, part if has_history else plain)
    return HISTORY_FUNCTIONS + publish_batch if has_history else publish_batch


def entering(enter: str) -> str:
    """ENTER for subscribers of channels with history."""
    return HISTORY_FUNCTIONS + ENTER_HISTORY + enter.replace("new and 1 or 0}", "new and 1 or 0, replay()}")
