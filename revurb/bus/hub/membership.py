"""Who is on which channel through which worker, and the events that say who came and left.

What concerns everything that a worker holds is a generator, which yields after each step: the broker does as many steps
in a turn of the loop as fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.cache import EventCache
from revurb.bus.fact_making import FactMaker
from revurb.bus.hub.hub_log import HubLog
from revurb.bus.hub.peer import Peer
from revurb.bus.ledger import ChannelKey, Ledger
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import Member, PublishedEvent


class Membership:
    """Changes `ledger` and announces the members that came or left by it. `facts` is told of what the ledger does not
    decide."""

    __slots__ = ("_cache", "_events", "_facts", "_ledger", "_log")

    def __init__(
        self, ledger: Ledger, cache: EventCache, log: HubLog, events: MemberEvents, facts: FactMaker
    ) -> None:
        self._facts = facts
        self._ledger = ledger
        self._cache = cache
        self._log = log
        self._events = events

    def enter(self, peer: Peer, enter: m.Enter) -> None:
        """Count a subscriber in, unless it is a user too many, and reply."""
        node, app_id, channel, member = peer.node, enter.app_id, enter.channel, enter.member
        most = enter.max_members
        if most and member is not None and self._ledger.is_full_for(app_id, channel, member.user_id, most):
            self._log.reply(peer.token, m.EnterReply(enter.id, [], None, True))
            return
        self._ledger.set_count(node, app_id, channel, enter.count)
        if member is not None:
            if self._ledger.join(node, app_id, channel, member):
                self._announce(
                    PublishedEvent(app_id, channel, enter.added), peer, m.ADDED_MEMBERS, enter.change
                )
            elif enter.change:
                peer.send(m.Accepted([enter.change], m.ADDED_MEMBERS))
        members = self._ledger.members(app_id, channel) if enter.want_members else []
        if not enter.want_cached and not enter.want_position:
            self._log.reply(peer.token, m.EnterReply(enter.id, members, None))
            return
        self._log.reply_at_end(peer.token, lambda: self._reply(enter, members))
        if enter.want_cached and self._cache.get(app_id, channel) is None:
            self._facts.cache_missed(app_id, channel)

    def _reply(self, enter: m.Enter, members: list[Member]) -> m.EnterReply:
        """With what is kept of events by now."""
        app_id, channel = enter.app_id, enter.channel
        cached = self._cache.get(app_id, channel) if enter.want_cached else None
        replay = self._log.history.replay(app_id, channel, enter.resume) if enter.want_position else None
        return m.EnterReply(enter.id, members, None if cached is None else cached.text, replay=replay)

    def leave(self, peer: Peer, app_id: str, channel: str, user_id: str, change: int) -> None:
        """A user has left the worker."""
        gone = self._ledger.leave(peer.node, app_id, channel, user_id)
        if gone is not None:
            removed = PublishedEvent(app_id, channel, self._events.removed(channel, gone))
            self._announce(removed, peer, m.REMOVED_MEMBERS, change)
        elif change:
            peer.send(m.Accepted([change], m.REMOVED_MEMBERS))

    def apply(self, peer: Peer, report: NodeReport, *, is_known: bool, announce: bool) -> Iterator[None]:
        """Make the worker's part of the ledger what it reports, and `announce` the differences. `is_known` is whether
        this broker had the worker before."""
        node, ledger = peer.node, self._ledger
        departed = {(each.app_id, each.channel, each.member.user_id): each.change for each in report.departed}
        looked_up: dict[ChannelKey, set[str]] = {}
        for app_id, channel, known in ledger.members_of_node(node):
            user_id = known.user_id
            if not report.has_user(app_id, channel, looked_up, user_id):
                self.leave(peer, app_id, channel, user_id, departed.pop((app_id, channel, user_id), 0))
            yield
        if is_known:
            for change in filter(None, departed.values()):  # they were handled before the connection broke
                peer.send(m.Accepted([change], m.REMOVED_MEMBERS))
                yield
        for (app_id, channel), each in report.channels.items():
            ledger.set_count(node, app_id, channel, each.count)  # a channel is occupied before it has members
            for member in each.members:
                if ledger.join(node, app_id, channel, member) and announce:
                    self._announce(PublishedEvent(app_id, channel, self._events.added(channel, member)))
                yield
            yield
        for key in ledger.keys_of_node(node):
            if key not in report.channels:
                ledger.set_count(node, *key, 0)
            yield

    def keep_cached(self, events: Iterable[m.CachedEventReport]) -> None:
        """Keep the last events of cache channels that a worker reports, unless they are in the log: they are read
        there, in their order."""
        for event in events:
            app_id, channel, position = event.app_id, event.channel, event.position
            cached = self._cache.get(app_id, channel)
            kept = (-1, 0.0) if cached is None else (self._cache.position(app_id, channel), cached.ttl_s)
            if kept < (position, event.ttl_s) and position <= self._log.attached_at:
                self._cache.put(app_id, channel, event.text, event.ttl_s, position)

    def announce_departed(self, departed: Iterable[tuple[Peer, m.DepartedMember]]) -> Iterator[None]:
        """Announce members that left while there was no broker, unless another worker still has them."""
        announced: set[tuple[str, str, str]] = set()
        for peer, each in departed:
            app_id, channel, member = each.app_id, each.channel, each.member
            key = (app_id, channel, member.user_id)
            if key not in announced and not self._ledger.has_member(*key):
                announced.add(key)
                removed = PublishedEvent(app_id, channel, self._events.removed(channel, member))
                self._announce(removed, peer, m.REMOVED_MEMBERS, each.change)
                self._facts.removed(app_id, channel, member.user_id)
            elif each.change:
                peer.send(m.Accepted([each.change], m.REMOVED_MEMBERS))
            yield

    def bury(self, node: str) -> Iterator[None]:
        """Remove everything that a worker held."""
        for app_id, channel, member in self._ledger.members_of_node(node):
            gone = self._ledger.leave(node, app_id, channel, member.user_id)
            if gone is not None:
                self._announce(PublishedEvent(app_id, channel, self._events.removed(channel, gone)))
            yield
        for key in self._ledger.keys_of_node(node):
            self._ledger.set_count(node, *key, 0)
            yield
        self._ledger.replace_connections(node, {})

    def _announce(
        self, event: PublishedEvent, peer: Peer | None = None, partition: int = 0, change: int = 0
    ) -> None:
        """Append a member event. `peer` has caused it, and knows it by the number `change`, unless that is 0."""
        if peer is None or not change:
            self._log.append_own(event)
        else:
            self._log.append(peer.node, change, event, partition)
            peer.send(m.Accepted([change], partition))
