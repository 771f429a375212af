"""Members that come and go with whole workers. More of it is in test_broker.py and test_takeover.py."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.cache import EventCache
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.event_router import EventRouter
from revurb.bus.hub.membership import Membership
from revurb.bus.hub.peer import Peer
from revurb.bus.ledger import Ledger
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.hub.memory_writer import MemoryWriter

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")


class Host:
    """Two workers, of which the second sees the room."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.router = EventRouter(EventLog(lambda: 0.0), "epoch")
        self.cache = EventCache(lambda: 0.0)
        self.membership = Membership(self.ledger, self.cache, self.router, MEMBER_EVENTS)
        self.writer, self.told = MemoryWriter(), MemoryWriter()
        self.peer, self.other = self.connected("w1", self.told), self.connected("w2", self.writer)
        self.router.routes.add("w2", (APP, ROOM), self.other)

    def connected(self, node: str, writer: MemoryWriter) -> Peer:
        peer = Peer(writer, 0)
        peer.node = node
        self.router.peers[node] = peer
        return peer

    def announced(self) -> list[bytes]:
        return [each.text for each in self.writer.messages() if isinstance(each, m.BrokerEvent)]


def test_a_worker_that_comes_back_makes_the_ledger_what_it_reports() -> None:
    host = Host()
    for member in (ANN, BOB):
        host.ledger.join("w1", APP, ROOM, member)
    host.ledger.set_count("w1", APP, ROOM, 2)
    host.ledger.set_count("w1", APP, "news", 1)
    report = NodeReport()
    report.add(m.StatePart([m.ChannelReport(APP, ROOM, 1, [BOB])], [], [m.DepartedMember(APP, ROOM, ANN, 3)]))
    for _ in host.membership.apply(host.peer, report, is_known=True, announce=True):
        pass
    assert host.announced() == [MEMBER_EVENTS.removed(ROOM, ANN)]
    [event] = host.writer.messages()
    assert isinstance(event, m.BrokerEvent)
    assert (event.node, event.seq, event.partition) == ("w1", 3, m.REMOVED_MEMBERS)
    assert host.ledger.counts(APP, ROOM) == (1, 1)
    assert host.ledger.counts(APP, "news") == (0, 0)


def test_a_user_who_is_about_to_be_entered_has_not_left() -> None:
    """The worker's line was cut between its question and the reply: the broker knows the user, and is asked again."""
    host = Host()
    host.ledger.join("w1", APP, ROOM, ANN)
    report = NodeReport()
    report.add(m.StatePart([m.ChannelReport(APP, ROOM, 1, [], ["ann"])], [], []))
    for _ in host.membership.apply(host.peer, report, is_known=True, announce=True):
        pass
    host.membership.enter(host.peer, m.Enter(1, APP, ROOM, 1, ANN, b"added", False, False, 1))
    assert host.announced() == []
    assert host.told.messages()[0] == m.Accepted([1], m.ADDED_MEMBERS)


def test_the_dead_are_buried_step_by_step() -> None:
    host = Host()
    for number in range(100):
        host.ledger.join("w1", APP, ROOM, Member(f"u{number}", b'"u"', b"null"))
        host.ledger.set_count("w1", APP, f"c{number}", 1)
    host.ledger.join("w2", APP, ROOM, ANN)
    steps = host.membership.bury("w1")
    next(steps)
    assert host.ledger.counts(APP, "c5") == (1, 0)
    assert len(list(steps)) >= 100
    assert len(host.announced()) == 100
    assert host.writer.messages()[-1] == m.NodeGone("w1")
    assert host.ledger.keys_of_node("w1") == ()
    assert host.ledger.counts(APP, ROOM) == (0, 1)


def test_of_last_events_the_one_that_was_sent_last_is_kept() -> None:
    """Workers tell a new hub what they have; it is not the same everywhere."""
    host = Host()
    for text, ttl_s in ((b"old", 50.0), (b"new", 60.0), (b"older", 40.0)):
        host.membership.keep_cached([m.CachedEventReport(APP, "cache-a", text, ttl_s)])
    cached = host.cache.get(APP, "cache-a")
    assert cached is not None
    assert (cached.text, cached.ttl_s) == (b"new", 60.0)


def test_what_a_dead_broker_has_said_of_itself_is_said_once_more() -> None:
    """Two workers kept it, and one of them links twice."""
    host = Host()
    removed = MEMBER_EVENTS.removed(ROOM, ANN)
    entrusted = m.EntrustedEvent(77, APP, ROOM, removed, None, 0, 5, m.BROKER_EVENTS, "before")
    for peer in (host.peer, host.peer, host.other):
        host.membership.announce_again(peer, entrusted)
    host.router.acknowledge()
    [event, accepted] = host.writer.messages()
    assert isinstance(event, m.BrokerEvent)
    assert (event.node, event.seq, event.partition, event.text) == ("before", 77, m.BROKER_EVENTS, removed)
    assert accepted == m.Accepted([77], m.BROKER_EVENTS)
    assert host.told.messages() == [accepted, accepted]


def test_what_this_broker_has_said_is_not_said_again_to_a_keeper_that_comes_back() -> None:
    host = Host()
    entrusted = m.EntrustedEvent(77, APP, ROOM, b"x", None, 0, 5, m.BROKER_EVENTS, "epoch")
    host.membership.announce_again(host.peer, entrusted)
    host.router.acknowledge()
    assert host.announced() == []
    assert host.told.messages() == [m.Accepted([77], m.BROKER_EVENTS)]
