"""What is confirmed to a publisher, what is held for the next broker, and what is missed."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.event_log import EventLog
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP
from tests.bus.hub.worker import Worker, a_broker
from tests.pusher.room import Clock

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")


def test_an_event_is_held_while_a_workers_share_is_in_this_process_alone() -> None:
    broker = a_broker()
    publisher, slow = Worker(broker, "w1"), Worker(broker, "w2", "news")
    publisher.received()
    publisher.publish(1)
    broker.router.acknowledge()
    assert publisher.received() == [m.Accepted([1])]
    publisher.publish(2)
    broker.router.fell_behind(slow.peer)
    broker.router.acknowledge()
    publisher.publish(3, 4)
    broker.router.acknowledge()
    assert publisher.received() == [m.Held([2], [2]), m.Held([3, 4], [3, 4])]
    assert slow.texts() == [b"1", b"2"]  # the rest is in the log only
    broker.router.took_all(slow.peer)
    assert publisher.received() == [m.Accepted([2])]
    slow.take_all()
    assert slow.texts() == [b"3", b"4"]
    assert publisher.received() == [m.Accepted([3, 4])]
    publisher.publish(5)
    broker.router.acknowledge()
    assert (slow.texts(), publisher.received()) == ([b"5"], [m.Accepted([5])])


def test_an_event_is_held_while_a_worker_is_away_and_may_come_back() -> None:
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=5)
    publisher, away = Worker(broker, "w1"), Worker(broker, "w2", "news")
    publisher.received()
    broker.disconnected(away.peer)
    publisher.publish(1)
    broker.router.acknowledge()
    assert publisher.received() == [m.Held([1], [1])]
    back = Worker(broker, "w2", "news", epoch=broker.epoch, position=0)
    broker.tick()
    assert publisher.received() == [m.EntrustedMembers("w2", [])]  # it is there, but has not been sent it
    back.take_all()
    assert publisher.received() == [m.Accepted([1])]
    broker.disconnected(back.peer)
    publisher.publish(2)
    broker.router.acknowledge()
    clock.now += 4.9
    publisher.send(m.HeartbeatRequest())
    publisher.received()
    clock.now += 0.1
    broker.tick()
    assert publisher.received() == [m.Accepted([2]), m.NodeGone("w2")]


def test_member_events_are_confirmed_and_held_as_events_are() -> None:
    broker = a_broker()
    one, slow = Worker(broker, "w1"), Worker(broker, "w2", ROOM)
    one.received()
    one.send(m.Enter(1, APP, ROOM, 1, ANN, b"added", False, False, 1))
    broker.router.acknowledge()
    event, reply, accepted = one.received()
    assert (event, reply) == (
        m.BrokerEvent(1, "w1", 1, APP, ROOM, b"added", None, m.ADDED_MEMBERS),
        m.EnterReply(1, [], None, 1),
    )
    assert accepted == m.Accepted([1], m.ADDED_MEMBERS)
    broker.router.fell_behind(slow.peer)
    one.send(m.Leave(APP, ROOM, 0, ANN, 1))
    broker.router.acknowledge()
    event, held = one.received()
    assert isinstance(event, m.BrokerEvent)
    assert (event.seq, event.partition) == (1, m.REMOVED_MEMBERS)
    assert held == m.Held([1], [2], m.REMOVED_MEMBERS)
    slow.take_all()
    assert one.received() == [m.Accepted([1], m.REMOVED_MEMBERS)]
    one.send(m.Leave(APP, ROOM, 0, ANN, 2))  # nobody is there to leave
    assert one.received() == [m.Accepted([2], m.REMOVED_MEMBERS)]


def test_a_worker_that_falls_behind_gets_its_replies_in_their_places() -> None:
    broker = a_broker()
    publisher, slow = Worker(broker, "w1"), Worker(broker, "w2", "news")
    broker.router.fell_behind(slow.peer)
    slow.received()
    publisher.publish(1)
    publisher.publish(2, channel="later")
    slow.send(m.Enter(7, APP, "later", 1, None, b"", False, False))
    publisher.publish(3, channel="later")
    slow.take_all()
    event, reply, later = slow.received()
    assert isinstance(event, m.BrokerEvent)
    assert event.text == b"1"
    assert reply == m.EnterReply(7, [], None, 2)
    assert isinstance(later, m.BrokerEvent)
    assert later.text == b"3"


def test_what_the_log_drops_is_missed_and_no_longer_held() -> None:
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=1000, log=EventLog(clock, kept_s=10))
    publisher, slow = Worker(broker, "w1"), Worker(broker, "w2", "news")
    broker.router.fell_behind(slow.peer)
    publisher.publish(1, 2)
    broker.router.acknowledge()
    clock.now += 11
    publisher.received()
    broker.tick()
    assert publisher.received() == [m.Accepted([1, 2])]
    publisher.publish(3)
    slow.received()
    slow.take_all()
    missed, event = slow.received()
    assert missed == m.EventsMissed(2)
    assert isinstance(event, m.BrokerEvent)
    assert event.text == b"3"
