"""Changing the ledger in Redis: who is on which channel, the last events, how many connections there are.

All methods return at once; where there is an answer, a callback gets it later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, TopicKeys, topic_id
from revurb.bus.redis.ledger_facts import LedgerFacts
from revurb.bus.redis.ledger_values import read_members
from revurb.bus.redis.pipelines import CommandArgs
from revurb.bus.redis.redis_commands import FailureCallback, ReplyCallback
from revurb.bus.redis.redis_history import RedisHistory
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.ports import Member, PublishedEvent

_NO_ARGS: CommandArgs = ()


class RedisLedger:
    """The changes of `node`. `kept_ms` is how long the log keeps events; `invalid` gets the values that cannot be used.
    `facts` are made with the changes."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        events: MemberEvents,
        kept_ms: int,
        invalid: InvalidValues,
        facts: LedgerFacts,
        history: RedisHistory,
    ) -> None:
        self._facts = facts
        self._history = history
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._events = events
        self._kept_ms = kept_ms
        self._invalid = invalid

    def enter(
        self, enter: m.Enter, marker: bytes, done: ReplyCallback, failed: FailureCallback | None = None
    ) -> None:
        """Count a subscriber. `done` gets the reply for `read_enter_reply`, or `failed` why there is none; `marker` is
        published at its place among the events."""
        app_id, channel, member = enter.app_id, enter.channel, enter.member
        topic = self._keys.topic(app_id, channel)
        member_fields: tuple[str | bytes, ...] = ("", b"", b"") if member is None else tuple(member)
        added = PublishedEvent(app_id, channel, enter.added)
        event = envelope.pack("", 0, added) if member is not None else b""

        def entered(reply: Any) -> None:
            if reply[3] == 1:
                self._events.on_published(added)
            done(reply)

        fact_keys, fact_args = self._facts.args(app_id, channel, missed=True)
        script, more_args = self._scripts.enter, _NO_ARGS
        if enter.want_position:
            script = self._scripts.enter_with_history
            more_keys, more_args = self._history.enter_args(enter)
            fact_keys = (*fact_keys, *more_keys)
        self._commands.run_script(
            script,
            (self._log(topic), *self._topic_keys(app_id, topic), topic.members, topic.cached, *fact_keys),
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
                enter.max_members,
                *fact_args,
                *more_args,
            ),
            entered,
            failed,
            long_bytes=2 * len(event),  # which has the member, too
        )
        self._facts.count_changed(app_id, channel)

    def set_count(self, app_id: str, channel: str, count: int, node: str | None = None) -> None:
        """Set how many subscribers of the channel `node`, or this one, has."""
        node = self._node if node is None else node
        topic = self._keys.topic(app_id, channel)
        fact_keys, fact_args = self._facts.args(app_id, channel)
        self._commands.run_script(
            self._scripts.set_count,
            (*self._topic_keys(app_id, topic, node), *fact_keys),
            (node, topic.id, channel, count, *fact_args),
        )
        self._facts.count_changed(app_id, channel)

    def leave(
        self, app_id: str, channel: str, member: Member, count: int | None = None, node: str | None = None
    ) -> None:
        """Remove `node`, or this one, from those through which the user is on the channel. If it was the last,
        member_removed is published. Sets the node's count of subscribers if one is given."""
        node = self._node if node is None else node
        topic = self._keys.topic(app_id, channel)
        removed = PublishedEvent(app_id, channel, self._events.removed(channel, member))
        event = envelope.pack("", 0, removed)
        fact_keys, fact_args = self._facts.args(app_id, channel)
        self._commands.run_script(
            self._scripts.leave,
            (self._log(topic), *self._topic_keys(app_id, topic, node), topic.members, *fact_keys),
            (
                node,
                topic.id,
                channel,
                topic.channel,
                "" if count is None else count,
                member.user_id,
                event,
                self._kept_ms,
                *fact_args,
            ),
            self._when_published(removed),
        )

    def announce_departed(self, app_id: str, channel: str, member: Member) -> None:
        """Publish that the user has left, unless it is on the channel through another node."""
        topic = self._keys.topic(app_id, channel)
        removed = PublishedEvent(app_id, channel, self._events.removed(channel, member))
        event = envelope.pack("", 0, removed)
        fact_keys, fact_args = self._facts.args(app_id, channel)
        self._commands.run_script(
            self._scripts.announce_departed,
            (self._log(topic), topic.members, *fact_keys),
            (topic.channel, member.user_id, event, self._kept_ms, channel, *fact_args),
            self._when_published(removed),
        )

    def tell_vacated(self, app_id: str, channel: str) -> None:
        """The channel's last subscriber on this node has left while there was no Redis: make a fact of it if there is
        none on any node."""
        self._facts.tell_vacated(app_id, channel)

    def report_channel(
        self,
        app_id: str,
        channel: str,
        count: int,
        members: Sequence[Member],
        *,
        announce: bool,
        is_new: bool = False,
    ) -> None:
        """Make the ledger's entry of this node for the channel what is given. With `announce`, member_added is
        published for users who were not there. Users who are not in `members` leave. There are facts of it with
        `announce`, or if `is_new`: no Redis has been told of a subscriber."""
        topic = self._keys.topic(app_id, channel)

        def done(reply: Any) -> None:
            new, stale = reply
            if announce:
                members_by_id = {member.user_id.encode(): member for member in members}
                for user_id in new:
                    added = self._events.added(channel, members_by_id[user_id])
                    self.publish(PublishedEvent(app_id, channel, added))
            for member in read_members(stale, topic.members, self._invalid):
                self.leave(app_id, channel, member)

        fact_keys, fact_args = self._facts.args(app_id, channel, None if announce or is_new else 0)
        self._commands.run_script(
            self._scripts.report_channel,
            (*self._topic_keys(app_id, topic), topic.members, *fact_keys),
            (
                self._node,
                topic.id,
                channel,
                count,
                *(fact_args or ("", 0)),
                *(part for member in members for part in member),
            ),
            done,
            long_bytes=sum([len(id_json) + len(info) for _, id_json, info in members]),
        )

    def publish(self, event: PublishedEvent) -> None:
        """Publish an event of the bus's own."""
        topic = self._keys.topic(event.app_id, event.channel)
        packed = envelope.pack("", 0, event)
        self._commands.run_script(
            self._scripts.publish_own,
            (self._log(topic),),
            (topic.channel, packed, self._kept_ms),
            long_bytes=len(packed),
        )
        self._events.on_published(event)

    def cache_event(self, app_id: str, channel: str, text: bytes, ttl_s: float) -> None:
        """Keep the last event of a cache channel for `ttl_s` seconds, unless the one that is kept lasts longer."""
        topic = self._keys.topic(app_id, channel)
        self._commands.run_script(
            self._scripts.cache_event,
            (topic.cached,),
            (text, max(1, int(ttl_s * 1000))),
            long_bytes=len(text),
        )

    def read_enter_reply(self, enter: m.Enter, reply: Any) -> tuple[envelope.StreamId, m.EnterReply]:
        """Position and content of the reply to `enter`."""
        stream_id, found, cached, outcome, *history = reply
        position = envelope.parse_stream_id(stream_id)
        replay = self._history.read_replay(history[0]) if history else None
        if not found:
            return position, m.EnterReply(enter.id, [], cached, outcome == 2, replay)
        key = self._keys.topic(enter.app_id, enter.channel).members
        return position, m.EnterReply(
            enter.id, read_members(found, key, self._invalid), cached, False, replay
        )

    def lend_places(
        self,
        app_id: str,
        count: int,
        limit: int,
        wanted: int,
        wait_ms: int,
        done: ReplyCallback,
        failed: FailureCallback,
    ) -> None:
        """Ask for `wanted` places of the app, of which this node has `count` connections. `done` gets the reply of
        LEND_PLACES, or `failed` why there is none. What was lent and not taken is given back with that."""
        keys, args = (
            self._connection_keys(app_id, self._node),
            (self._node, topic_id(app_id), count, limit, wanted),
        )
        self._commands.run_script(
            self._scripts.lend_places, keys, (*args, self._keys.places(app_id), wait_ms), done, failed
        )

    def set_connections(
        self,
        app_id: str,
        count: int,
        node: str | None = None,
        *,
        spare: int = 0,
        round: str = "",
        done: ReplyCallback | None = None,
    ) -> None:
        """Set the number of connections of the app on `node`, or this one, and how many places it has beside. `round`
        is that of a recall that this answers; `done` gets whether there is one."""
        node = self._node if node is None else node
        self._commands.run_script(
            self._scripts.set_connections,
            self._connection_keys(app_id, node),
            (node, topic_id(app_id), count, spare, round),
            done,
        )

    def _connection_keys(self, app_id: str, node: str) -> tuple[str, ...]:
        """The keys of the app's connections, of what the node holds, of all nodes that hold anything, and of the app's
        spare places and their recall."""
        number = self._keys.partition_of(app_id, "")
        return (
            self._keys.connections(app_id), self._keys.node_topics(number, node), self._keys.holders[number],
            self._keys.spare(app_id), self._keys.recall(app_id)
        )  # fmt: skip

    def _when_published(self, event: PublishedEvent) -> ReplyCallback:
        def done(reply: Any) -> None:
            if reply:
                self._events.on_published(event)

        return done

    def _log(self, topic: TopicKeys) -> str:
        return self._keys.logs[topic.partition]

    def _topic_keys(self, app_id: str, topic: TopicKeys, node: str | None = None) -> tuple[str, ...]:
        """The keys of the topic's counts, of the app's occupied channels, of what the node holds, and of all nodes that
        hold anything."""
        number = topic.partition
        return (
            topic.counts,
            self._keys.occupied(number, app_id),
            self._keys.node_topics(number, self._node if node is None else node),
            self._keys.holders[number],
        )
