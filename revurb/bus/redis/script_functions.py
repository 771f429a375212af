"""The Lua functions of the scripts in scripts.py, which stand at the beginning of each."""

from __future__ import annotations

from revurb.bus.redis.fact_scripts import FACT_FUNCTIONS

SCRIPT_FUNCTIONS = (
    """
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
"""
    + FACT_FUNCTIONS
    + """
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
-- Set how many subscribers of the topic the node has. `told` is what is to be told of the channel.
local function set_count(counts, occupied, held, holders, topic, channel, node, count, told)
  if tonumber(count) > 0 then
    redis.call('HSET', counts, node, count)
    if redis.call('SADD', occupied, channel) == 1 then tell(told, OCCUPANCY, 'channel_occupied') end
    hold(held, holders, topic, node)
  else
    redis.call('HDEL', counts, node)
    let_go(held, holders, topic, node)
    if redis.call('EXISTS', counts) == 0 and redis.call('SREM', occupied, channel) == 1 then
      tell(told, OCCUPANCY, 'channel_vacated')
    end
  end
end
-- A member is {id, info, order, {nodes}}. Returns nil for anything else, which counts as nobody.
local function read_member(packed)
  local ok, member = pcall(cmsgpack.unpack, packed or '')
  if ok and type(member) == 'table' and type(member[4]) == 'table' then return member end
end
-- Add the node to those of the user. Returns true if the user had none. The order of members is that of their times of
-- joining, in ms with parts: no two scripts begin in the same microsecond.
local function join(members, user, node, id_json, info_json)
  local member = read_member(redis.call('HGET', members, user))
  if not member then
    local t = redis.call('TIME')
    redis.call('HSET', members, user, cmsgpack.pack({id_json, info_json, t[1] * 1000 + t[2] / 1000, {node}}))
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
)
