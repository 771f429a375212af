"""The ledger in Redis, as commands: who is on which channel, the last events, how many connections there are.

All methods return at once; where there is an answer, a callback gets it later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue, ReplyCallback
from revurb.bus.redis.keys import PARTITIONS, Keys, TopicKeys, partition_of, read_topic_id, topic_id
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.ports import CachedEvent, ChannelState, Member, PublishedEvent

_unpack = msgspec.msgpack.Decoder().decode


class RedisLedger:
    """The changes and questions of `node`. `kept_ms` is how long the log keeps events."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        events: MemberEvents,
        kept_ms: int,
    ) -> None:
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._events = events
        self._kept_ms = kept_ms

    def enter(self, enter: m.Enter, marker: bytes, done: ReplyCallback) -> None:
        """Count a subscriber. `done` gets the reply for `read_enter_reply`; `marker` is published at its place among
        the events."""
        app_id, channel, member = enter.app_id, enter.channel, enter.member
        topic = self._keys.topic(app_id, channel)
        member_fields: tuple[str | bytes, ...] = ("", b"", b"") if member is None else tuple(member)
        added = PublishedEvent(app_id, channel, enter.added)
        event = envelope.pack("", 0, added) if member is not None else b""

        def entered(reply: Any) -> None:
            if reply[3]:
                self._events.on_published(added)
            done(reply)

        self._commands.run_script(
            self._scripts.enter,
            (self._log(topic), *self._topic_keys(app_id, topic), topic.members, topic.cached),
            (
                self._node,
                topic.id,
                channel,
                topic.channel,
                enter.count,
                *member_fields,
                event,
                self._kept_ms,
                int(enter.want_members),
                int(enter.want_cached),
                self._keys.markers(topic.partition, self._node),
                marker,
            ),
            entered,
        )

    def set_count(self, app_id: str, channel: str, count: int) -> None:
        """Set how many subscribers of the channel this node has."""
        topic = self._keys.topic(app_id, channel)
        self._commands.run_script(
            self._scripts.set_count, self._topic_keys(app_id, topic), (self._node, topic.id, channel, count)
        )

    def leave(
        self, app_id: str, channel: str, member: Member, count: int | None = None, node: str | None = None
    ) -> None:
        """Remove `node`, or this one, from those through which the user is on the channel. If it was the last,
        member_removed is published. Sets the node's count of subscribers if one is given."""
        node = self._node if node is None else node
        topic = self._keys.topic(app_id, channel)
        removed = PublishedEvent(app_id, channel, self._events.removed(channel, member))
        event = envelope.pack("", 0, removed)
        self._commands.run_script(
            self._scripts.leave,
            (self._log(topic), *self._topic_keys(app_id, topic, node), topic.members),
            (
                node,
                topic.id,
                channel,
                topic.channel,
                "" if count is None else count,
                member.user_id,
                event,
                self._kept_ms,
            ),
            self._when_published(removed),
        )

    def announce_departed(self, app_id: str, channel: str, member: Member) -> None:
        """Publish that the user has left, unless it is on the channel through another node."""
        topic = self._keys.topic(app_id, channel)
        removed = PublishedEvent(app_id, channel, self._events.removed(channel, member))
        event = envelope.pack("", 0, removed)
        self._commands.run_script(
            self._scripts.announce_departed,
            (self._log(topic), topic.members),
            (topic.channel, member.user_id, event, self._kept_ms),
            self._when_published(removed),
        )

    def report_channel(
        self, app_id: str, channel: str, count: int, members: Sequence[Member], *, announce: bool
    ) -> None:
        """Make the ledger's entry of this node for the channel what is given. With `announce`, member_added is
        published for users who were not there. Users who are not in `members` leave."""
        topic = self._keys.topic(app_id, channel)

        def done(reply: Any) -> None:
            new, stale = reply
            if announce:
                members_by_id = {member.user_id.encode(): member for member in members}
                for user_id in new:
                    added = self._events.added(channel, members_by_id[user_id])
                    self.publish(PublishedEvent(app_id, channel, added))
            for member in _read_members(stale):
                self.leave(app_id, channel, member)

        self._commands.run_script(
            self._scripts.report_channel,
            (*self._topic_keys(app_id, topic), topic.members),
            (self._node, topic.id, channel, count, *(part for member in members for part in member)),
            done,
        )

    def publish(self, event: PublishedEvent) -> None:
        """Publish an event of the bus's own."""
        topic = self._keys.topic(event.app_id, event.channel)
        packed = envelope.pack("", 0, event)
        self._commands.run_script(
            self._scripts.publish_own, (self._log(topic),), (topic.channel, packed, self._kept_ms)
        )
        self._events.on_published(event)

    def cache_event(self, app_id: str, channel: str, text: bytes, ttl_s: float) -> None:
        """Keep the last event of a cache channel for `ttl_s` seconds, unless the one that is kept lasts longer."""
        topic = self._keys.topic(app_id, channel)
        self._commands.run_script(
            self._scripts.cache_event, (topic.cached,), (text, max(1, int(ttl_s * 1000)))
        )

    def remove_node_state(
        self, node: str, keep: frozenset[ChannelKey], then: Callable[[], None], *, entirely: bool
    ) -> None:
        """Remove what a node holds, except for the channels in `keep`; with `entirely` also the numbers of its events.
        `then` is called when everything is removed."""
        left = PARTITIONS
        for number in range(PARTITIONS):

            def found(topic_ids: Any) -> None:
                nonlocal left
                for name in topic_ids:
                    app_id, channel = read_topic_id(name.decode())
                    if (app_id, channel) not in keep:
                        self._remove_topic(node, app_id, channel)
                left -= 1
                if not left:
                    self._commands.after_all(then)

            self._commands.run_command("SMEMBERS", self._keys.node_topics(number, node), done=found)
            if entirely:
                self._commands.run_command("HDEL", self._keys.seqs[number], node)

    def states(
        self, app_id: str, channels: Sequence[str], done: Callable[[list[ChannelState]], None]
    ) -> None:
        """`done` gets the states of the channels, in their order."""
        found: list[ChannelState] = []
        if not channels:
            done(found)

        def on_state(reply: Any) -> None:
            found.append(_read_state(reply))
            if len(found) == len(channels):
                done(found)

        for channel in channels:
            topic = self._keys.topic(app_id, channel)
            self._commands.run_script(
                self._scripts.channel_state, (topic.counts, topic.members, topic.cached), (), on_state
            )

    def channels(self, app_id: str, prefix: str, done: Callable[[dict[str, ChannelState]], None]) -> None:
        """`done` gets the app's channels that have subscribers and whose names begin with `prefix`."""
        names: list[str] = []
        left = PARTITIONS

        def found(members: Any) -> None:
            nonlocal left
            left -= 1
            names.extend(name for name in (member.decode() for member in members) if name.startswith(prefix))
            if not left:
                self.states(app_id, names, lambda states: done(_occupied(names, states)))

        for number in range(PARTITIONS):
            self._commands.run_command("SMEMBERS", self._keys.occupied(number, app_id), done=found)

    def members(self, app_id: str, channel: str, done: Callable[[list[Member]], None]) -> None:
        """`done` gets the members, in order of joining."""
        key = self._keys.topic(app_id, channel).members
        self._commands.run_command("HGETALL", key, done=lambda reply: done(_read_members(reply)))

    def admit(self, app_id: str, limit: int, done: Callable[[bool], None]) -> None:
        """Count one more connection of the app, if that keeps within `limit`. `done` gets whether it does."""
        self._commands.run_script(
            self._scripts.admit,
            self._connection_keys(app_id, self._node),
            (self._node, topic_id(app_id), limit),
            lambda reply: done(bool(reply)),
        )

    def set_connections(self, app_id: str, count: int, node: str | None = None) -> None:
        """Set the number of connections of the app on `node`, or this one."""
        node = self._node if node is None else node
        self._commands.run_script(
            self._scripts.set_connections,
            self._connection_keys(app_id, node),
            (node, topic_id(app_id), count),
        )

    def connections(self, app_id: str, done: Callable[[int], None]) -> None:
        """`done` gets the number of connections of the app on all nodes."""
        key = self._keys.connections(app_id)
        self._commands.run_command("HGET", key, "", done=lambda count: done(int(count or 0)))

    def _remove_topic(self, node: str, app_id: str, channel: str) -> None:
        if not channel:
            self.set_connections(app_id, 0, node)
            return
        topic = self._keys.topic(app_id, channel)

        def found(reply: Any) -> None:
            for member, nodes in _read_members_and_nodes(reply):
                if node in nodes:
                    self.leave(app_id, channel, member, node=node)
            self._commands.run_script(
                self._scripts.set_count, self._topic_keys(app_id, topic, node), (node, topic.id, channel, 0)
            )

        self._commands.run_command("HGETALL", topic.members, done=found)

    def _connection_keys(self, app_id: str, node: str) -> tuple[str, str]:
        """The keys of the app's connections and of what the node holds."""
        return self._keys.connections(app_id), self._keys.node_topics(partition_of(app_id, ""), node)

    def _when_published(self, event: PublishedEvent) -> ReplyCallback:
        def done(reply: Any) -> None:
            if reply:
                self._events.on_published(event)

        return done

    def _log(self, topic: TopicKeys) -> str:
        return self._keys.logs[topic.partition]

    def _topic_keys(self, app_id: str, topic: TopicKeys, node: str | None = None) -> tuple[str, str, str]:
        """The keys of the topic's counts, of the app's occupied channels and of what the node holds."""
        occupied = self._keys.occupied(topic.partition, app_id)
        return (
            topic.counts,
            occupied,
            self._keys.node_topics(topic.partition, self._node if node is None else node),
        )


def read_enter_reply(reply: Any) -> tuple[envelope.StreamId, list[Member], bytes | None]:
    """Position, members and last event in the reply to `RedisLedger.enter`."""
    position, members, cached, _ = reply
    return envelope.parse_stream_id(position), _read_members(members), cached


def _read_members(reply: Any) -> list[Member]:
    return [member for member, _ in _read_members_and_nodes(reply)]


def _read_members_and_nodes(reply: Any) -> list[tuple[Member, list[str]]]:
    """Read a reply to HGETALL of a members hash: user id, {id, info, time of joining in ms, nodes}, and so on. Returned
    in order of joining."""
    found = []
    for user_id, packed in zip(reply[::2], reply[1::2], strict=True):
        id_json, info_json, joined_ms, nodes = _unpack(packed)
        member = Member(user_id.decode(), id_json.encode(), info_json.encode())
        found.append((joined_ms, member, nodes))
    found.sort(key=lambda each: each[0])
    return [(member, nodes) for _, member, nodes in found]


def _read_state(reply: Any) -> ChannelState:
    count, users, cached, ttl_ms = reply
    return ChannelState(count, users, None if cached is None else CachedEvent(cached, ttl_ms / 1000))


def _occupied(names: Sequence[str], states: Sequence[ChannelState]) -> dict[str, ChannelState]:
    return {name: state for name, state in zip(names, states, strict=True) if state.subscription_count}
