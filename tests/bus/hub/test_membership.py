"""Members that come and go with whole workers. More of it is in test_broker.py and test_takeover.py."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.cache import EventCache
from revurb.bus.fact_making import FactMaker
from revurb.bus.hub.hub_log import HubLog
from revurb.bus.hub.membership import Membership
from revurb.bus.hub.peer import Peer
from revurb.bus.ledger import Ledger
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.hub.host_log import LogListener, a_log
from tests.bus.hub.memory_writer import MemoryWriter

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")


def no_facts() -> FactMaker:
    return FactMaker({}, MEMBER_EVENTS, lambda fact: None, lambda event: None, lambda: 0.0)


class Host:
    """Two workers, of which the second sees the room."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.cache = EventCache(lambda: 0.0)
        descriptors = self.descriptors = a_log(self)
        log = HubLog(descriptors, "epoch", self.cache)
        self.membership = Membership(self.ledger, self.cache, log, MEMBER_EVENTS, no_facts())
        self.told = MemoryWriter()
        self.own_log, self.other_log = LogListener(descriptors), LogListener(descriptors, ROOM)
        self.peer = Peer(self.told, 0)
        self.peer.node, self.peer.token = "w1", self.own_log.token

    def events(self) -> list[m.BrokerEvent]:
        """Those of the room, since the last call."""
        return [each for each in self.other_log.heard() if isinstance(each, m.BrokerEvent)]

    def announced(self) -> list[bytes]:
        return [each.text for each in self.events()]


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
    [event] = host.events()
    assert event.text == MEMBER_EVENTS.removed(ROOM, ANN)
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


def test_a_report_takes_the_place_of_no_event_that_came_after_it() -> None:
    """What a worker reports has been on its way for a while, and seems to last longer by that."""
    host = Host()
    for text in (b"1", b"2", b"3"):
        host.own_log.place(PublishedEvent(APP, "cache-a", text, None, 60))
    cache = EventCache(lambda: 0.0)
    log = HubLog(host.descriptors, "next", cache)
    membership = Membership(Ledger(), cache, log, MEMBER_EVENTS, no_facts())

    def kept() -> bytes | None:
        log.read()
        event = cache.get(APP, "cache-a")
        return None if event is None else event.text

    def report(position: int, ttl_s: float) -> None:
        text = b"%d" % position
        membership.keep_cached([m.CachedEventReport(APP, "cache-a", text, ttl_s, position)])

    report(2, 60.0)
    report(1, 61.0)
    assert kept() == b"2"
    report(3, 59.0)
    assert kept() == b"3"
    host.own_log.place(PublishedEvent(APP, "cache-a", b"4", None, 60))
    host.own_log.place(PublishedEvent(APP, "cache-a", b"5", None, 60))
    report(4, 90.0)
    assert kept() == b"5"
    report(3, 90.0)
    assert kept() == b"5"


def test_a_subscriber_is_counted_and_gets_what_it_asks_for() -> None:
    host = Host()
    host.cache.put(APP, "cache-a", b"last", 60)
    for id, wants in ((1, True), (2, False)):
        host.membership.enter(host.peer, m.Enter(id, APP, "cache-a", id, None, b"", False, wants))
    assert host.own_log.heard() == [m.EnterReply(1, [], b"last"), m.EnterReply(2, [], None)]
    assert host.ledger.counts(APP, "cache-a") == (2, 0)
    for id, wants in ((3, True), (4, False)):
        member = (ANN, BOB)[id - 3]
        host.membership.enter(host.peer, m.Enter(id, APP, ROOM, id - 2, member, b"added", wants, False, id))
    replies = [each for each in host.own_log.heard() if isinstance(each, m.EnterReply)]
    assert [(each.id, each.members, each.cached) for each in replies] == [(3, [ANN], None), (4, [], None)]
    assert host.ledger.counts(APP, ROOM) == (2, 2)
    assert [(each.text, each.seq, each.partition) for each in host.events()] == [
        (b"added", 3, m.ADDED_MEMBERS),
        (b"added", 4, m.ADDED_MEMBERS),
    ]


def test_who_leaves_twice_is_confirmed_and_announced_once() -> None:
    host = Host()
    host.ledger.join("w1", APP, ROOM, ANN)
    for change in (7, 8, 0):
        host.membership.leave(host.peer, APP, ROOM, "ann", change)
    assert host.announced() == [MEMBER_EVENTS.removed(ROOM, ANN)]
    assert host.told.messages() == [m.Accepted([number], m.REMOVED_MEMBERS) for number in (7, 8)]


def test_a_change_that_was_handled_before_the_line_broke_is_confirmed() -> None:
    host = Host()
    for is_known in (True, False):
        report = NodeReport()
        report.add(
            m.StatePart([], [], [m.DepartedMember(APP, ROOM, ANN, 3), m.DepartedMember(APP, ROOM, BOB, 0)])
        )
        list(host.membership.apply(host.peer, report, is_known=is_known, announce=True))
        assert host.told.messages() == [m.Accepted([3], m.REMOVED_MEMBERS)]  # of the second time nothing
    assert host.announced() == []


def test_who_left_without_a_broker_is_announced_once_unless_another_worker_has_them() -> None:
    host = Host()
    host.ledger.join("w2", APP, ROOM, BOB)
    departed = [(host.peer, m.DepartedMember(APP, ROOM, member, 3)) for member in (ANN, BOB, ANN)]
    list(host.membership.announce_departed(departed))
    assert host.announced() == [MEMBER_EVENTS.removed(ROOM, ANN)]
    accepted = m.Accepted([3], m.REMOVED_MEMBERS)
    assert host.told.messages() == [accepted] * 3


def test_who_is_missing_in_a_report_without_a_word_is_the_brokers_to_announce() -> None:
    host = Host()
    host.ledger.join("w1", APP, ROOM, ANN)
    list(host.membership.apply(host.peer, NodeReport(), is_known=True, announce=True))
    [event] = host.events()
    assert (event.node, event.partition) == ("epoch", m.BROKER_EVENTS)


def test_of_a_buried_worker_nothing_is_kept() -> None:
    host = Host()
    host.membership.enter(host.peer, m.Enter(1, APP, ROOM, 1, ANN, b"added", False, False, 5))
    host.membership.leave(host.peer, APP, ROOM, "ann", 5)
    host.ledger.replace_connections("w1", {APP: 2})
    list(host.membership.bury("w1"))
    assert host.ledger.connections(APP) == 0
    assert host.ledger.counts(APP, ROOM) == (0, 0)
