"""A broker that replaces one that died: nobody is announced who was there all the time."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.takeover import Takeover
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.hub.host_log import LogListener
from tests.bus.hub.memory_writer import MemoryWriter
from tests.bus.hub.worker import Worker, a_broker

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")
REMOVED = MEMBER_EVENTS.removed(ROOM, ANN)


class Successor:
    """A broker that expects two workers. Its clock stands still unless it is moved."""

    def __init__(self, died_workers: int = 0) -> None:
        self.now = 100.0
        self.broker = a_broker(lambda: self.now, expected_workers=2, died_workers=died_workers)
        self.log = LogListener(self.broker.descriptors, ROOM)

    def hello(
        self,
        node: str,
        *members: Member,
        departed: tuple[Member, ...] = (),
        entrusted: tuple[m.EntrustedMembers, ...] = (),
    ) -> tuple[Peer, MemoryWriter]:
        writer = MemoryWriter()
        peer = Peer(writer, self.now)
        hello = m.Hello(
            node,
            "old",
            {},
            [m.ChannelReport(APP, ROOM, 1, list(members))],
            [],
            [m.DepartedMember(APP, ROOM, member) for member in departed],
            list(entrusted),
        )
        self.broker.receive(peer, [m.encode(hello)])
        return peer, writer

    def announced(self) -> list[bytes]:
        return [each.text for each in self.log.heard() if isinstance(each, m.BrokerEvent | PublishedEvent)]


def test_reports_are_counted_by_node() -> None:
    takeover = Takeover(2, 5.0, 0)
    takeover.add_report("n1")
    takeover.add_report("n1")
    assert not takeover.has_all_reports
    takeover.add_report("n2")
    assert takeover.has_all_reports


def test_postponed_messages_come_out_in_order() -> None:
    takeover, peer = Takeover(2, 5.0, 0), Peer(MemoryWriter(), 0)
    messages: list[m.FromWorker] = [m.Unsubscribe(APP, "a"), m.Unsubscribe(APP, "b")]
    for message in messages:
        takeover.postpone(peer, message, 10)
    assert peer.waiting_bytes == 20
    assert list(takeover.pop_postponed()) == [(peer, message) for message in messages]
    assert peer.waiting_bytes == 0
    assert list(takeover.pop_postponed()) == []


def test_everything_waits_until_all_workers_have_reported() -> None:
    successor = Successor()
    peer, writer = successor.hello("n1", ANN)
    successor.broker.receive(peer, [m.encode(m.QueryMembers(1, APP, ROOM))])
    assert [type(each) for each in writer.messages()] == [m.Welcome]
    successor.hello("n2", BOB)
    assert [type(each) for each in writer.messages()] == [m.Welcome, m.QueryReply]


def test_a_worker_that_does_not_come_is_waited_for_one_lease() -> None:
    successor = Successor()
    peer, writer = successor.hello("n1", ANN)
    successor.broker.receive(peer, [m.encode(m.QueryMembers(1, APP, ROOM))])
    successor.now += 4.9
    successor.broker.receive(peer, [m.encode(m.HeartbeatRequest())])
    successor.broker.tick()
    assert m.QueryReply not in [type(each) for each in writer.messages()]
    successor.now += 0.1
    successor.broker.tick()
    assert m.QueryReply in [type(each) for each in writer.messages()]


def test_who_left_meanwhile_is_announced_at_the_end() -> None:
    successor = Successor()
    successor.hello("n1", BOB)
    successor.hello("n2", departed=(ANN,))
    assert successor.announced() == [REMOVED]


def test_who_is_still_there_through_another_worker_is_not_announced() -> None:
    successor = Successor()
    successor.hello("n1", ANN)
    successor.hello("n2", departed=(ANN,))
    assert successor.announced() == []


def test_a_user_who_left_two_workers_is_announced_once() -> None:
    successor = Successor()
    successor.hello("n1", BOB, departed=(ANN,))
    successor.hello("n2", departed=(ANN,))
    assert successor.announced() == [REMOVED]


def missed(writer: MemoryWriter) -> list[m.EventsMissed]:
    return [each for each in writer.messages() if isinstance(each, m.EventsMissed)]


def test_who_died_with_the_old_broker_is_not_known_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Of three that died, one's members are kept by another worker."""
    kept = m.EntrustedMembers("dead", [m.ChannelReport(APP, ROOM, 0, [ANN])])
    successor = Successor(died_workers=3)
    _, writer = successor.hello("n1", entrusted=(kept,))
    assert missed(writer) == []
    _, other = successor.hello("n2")
    assert missed(writer) == missed(other) == [m.EventsMissed(2)]
    assert [record.__dict__["workers"] for record in caplog.records] == [2]


def test_who_does_not_come_either_is_one_of_them() -> None:
    successor = Successor()
    peer, writer = successor.hello("n1")
    successor.now += 4.9
    successor.broker.receive(peer, [m.encode(m.HeartbeatRequest())])
    successor.now += 0.1
    successor.broker.tick()
    assert missed(writer) == [m.EventsMissed(1)]


def test_where_all_come_nothing_is_missed() -> None:
    successor = Successor()
    writers = [successor.hello(node)[1] for node in ("n1", "n2")]
    assert [missed(writer) for writer in writers] == [[], []]


def test_a_new_worker_that_connects_twice_is_none_of_those_that_are_expected() -> None:
    successor = Successor()
    successor.hello("n1", ANN)
    for epoch in ("", successor.broker.epoch):
        Worker(successor.broker, "new", ROOM, epoch=epoch)
    successor.hello("n2", BOB)
    assert successor.announced() == []


def test_where_nobody_is_said_to_have_died_nothing_is_missed() -> None:
    broker, writer = a_broker(expected_workers=1), MemoryWriter()
    broker.receive(Peer(writer, 0), [m.encode(m.Hello("n1", "old", {}, [], [], []))])
    assert [type(each) for each in writer.messages()] == [m.Welcome]
