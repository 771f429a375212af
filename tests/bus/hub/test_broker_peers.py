"""What the broker makes of its workers' connections: who is read from, who is waited for, who is told what."""

from __future__ import annotations

import logging

import pytest

from revurb.bus import step_queue
from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.hub import broker as broker_module
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.peer import FULL_BYTES, Peer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member
from tests.bus.engines import APP
from tests.bus.hub.memory_writer import MemoryWriter
from tests.bus.hub.worker import Worker, a_broker
from tests.pusher.room import Clock

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")


def finish(broker: Broker) -> None:
    """What the server does in the next turns of the loop."""
    while broker.steps:
        broker.steps.go_on()


def test_what_waits_of_one_worker_is_handled_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = a_broker()
    worker = Worker(broker, "w1")
    worker.received()
    monkeypatch.setattr(step_queue, "TURN_S", -1.0)  # one step in each turn
    worker.send(*(m.QueryConnections(id, APP) for id in range(10)))
    handled = len(worker.received())
    assert handled < 10
    assert worker.peer.waiting_bytes > 0
    worker.send(m.QueryConnections(10, APP))
    worker.send(m.QueryConnections(11, APP), m.QueryConnections(12, APP))
    assert len(broker.steps) == 1
    finish(broker)
    ids = [message.id for message in worker.received() if isinstance(message, m.QueryReply)]
    assert ids == list(range(13))[-len(ids) :]
    assert (len(worker.peer.inbox), worker.peer.waiting_bytes) == (0, 0)
    worker.send(m.QueryConnections(13, APP))  # handled at once again
    [reply] = worker.received()
    assert isinstance(reply, m.QueryReply)
    broker.resume(worker.peer)
    assert len(broker.steps) == 0


def test_a_worker_that_is_not_read_from_is_told_that_the_broker_lives_and_is_not_dropped() -> None:
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=5)
    busy, silent = Worker(broker, "w1"), Worker(broker, "w2")
    for worker in (busy, silent):
        worker.received()
    busy.peer.waiting_bytes = FULL_BYTES + 1  # the broker has not come to it
    clock.now += 5
    broker.tick()
    assert busy.received()[0] == m.HeartbeatReply(0)
    assert broker.workers == 1
    assert not busy.writer.closed
    assert silent.writer.closed


def test_the_loss_of_a_worker_is_told_with_its_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "MAX_BACKLOG_BYTES", 100)
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=5)
    asker, slow, quiet = (Worker(broker, f"w{number}") for number in (1, 2, 3))
    broker.router.fell_behind(slow.peer)
    slow.peer.write(b"x" * 101)
    broker.tick()
    clock.now += 5
    asker.send(m.HeartbeatRequest())
    broker.tick()
    asker.send(m.HeartbeatRequest())
    clock.now += 5
    asker.send(m.HeartbeatRequest())
    broker.tick()
    told = [(record.__dict__["node"], record.__dict__.get("waiting_bytes")) for record in caplog.records]
    assert told[:2] == [("w2", 101), ("w3", 0)]
    assert sorted(told[2:]) == [("w2", None), ("w3", None)]  # which did not come back
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert quiet.writer.closed


def test_events_that_a_lost_worker_alone_had_not_got_wait_for_it_and_for_nobody_else() -> None:
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=5)
    publisher, slow = Worker(broker, "w1"), Worker(broker, "w2", "news")
    broker.router.fell_behind(slow.peer)
    publisher.received()
    publisher.publish(1)
    broker.router.acknowledge()
    assert publisher.received() == [m.Held([1], [1])]
    slow.send(m.Goodbye())
    broker.disconnected(slow.peer)
    assert m.Accepted([1]) in publisher.received()


def test_a_report_that_is_too_large_ends_its_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker, writer = a_broker(), MemoryWriter()
    part = m.encode(m.StatePart([m.ChannelReport(APP, "news", 1, [])], [], []))
    monkeypatch.setattr(broker_module, "MAX_REPORT_BYTES", 2 * len(part))
    peer = Peer(writer, 0)
    for is_closed in (False, False, True):
        broker.receive(peer, [part])
        assert writer.closed == is_closed
    assert [record.__dict__["bytes"] for record in caplog.records] == [3 * len(part)]
    broker.receive(peer, [m.encode(m.Hello("w1", "", 0, {}, [], [], []))])
    assert (broker.workers, broker.late_messages) == (0, 1)


def test_a_report_in_parts_is_taken_with_everything_in_it() -> None:
    broker, writer = a_broker(), MemoryWriter()
    peer = Peer(writer, 0)
    cached = m.CachedEventReport(APP, "cache-a", b"kept", 60.0)
    later = m.CachedEventReport(APP, "cache-b", b"kept too", 60.0)
    messages = (
        m.StatePart([m.ChannelReport(APP, ROOM, 2, [ANN])], [cached], []),
        m.Hello("w1", "", 0, {APP: 3}, [m.ChannelReport(APP, "news", 1, [])], [later], []),
        m.QueryStates(1, APP, [ROOM, "news"]),
        m.QueryConnections(2, APP),
        m.Enter(3, APP, "cache-a", 1, None, b"", False, True),
        m.Enter(4, APP, "cache-b", 1, None, b"", False, True),
        m.QueryMembers(5, APP, ROOM),
    )
    broker.receive(peer, [m.encode(message) for message in messages])
    finish(broker)
    while peer.backlog is not None:
        broker.router.write_backlog(peer)
        broker.router.took_all(peer)
    welcome, added, states, connections, first, second, members = writer.messages()
    assert welcome == m.Welcome(broker.epoch, 0, 0)
    assert isinstance(added, m.BrokerEvent)
    assert added.text == MEMBER_EVENTS.added(ROOM, ANN)
    assert isinstance(states, m.QueryReply)
    assert m.read_states(states.value) == [ChannelState(2, 1), ChannelState(1, 0)]
    assert isinstance(connections, m.QueryReply)
    assert m.read_count(connections.value) == 3
    position = broker.router.log.position
    assert first == m.EnterReply(3, [], b"kept", position)
    assert second == m.EnterReply(4, [], b"kept too", position)
    assert isinstance(members, m.QueryReply)
    assert m.read_members(members.value) == [ANN]
    assert peer.report.channels == NodeReport().channels  # nothing is kept of it


def test_a_worker_that_is_back_has_the_topics_that_it_reports_and_no_others() -> None:
    broker = a_broker()
    publisher, worker = Worker(broker, "w1"), Worker(broker, "w2", "old", "kept")
    broker.disconnected(worker.peer)
    publisher.publish(1, channel="old")
    publisher.publish(2, channel="kept")
    again = Worker(broker, "w2", "kept", "new", epoch=broker.epoch, position=0)
    again.take_all()
    for seq, channel in enumerate(("old", "kept", "new"), 3):
        publisher.publish(seq, channel=channel)
    assert again.texts() == [b"2", b"4", b"5"]
    assert again.peer.backlog is None


def test_what_is_asked_while_channels_are_listed_is_answered_behind_them() -> None:
    broker = a_broker()
    worker = Worker(broker, "w1", "news", "other")
    worker.received()
    worker.send(m.QueryChannels(1, APP, ""), m.QueryConnections(2, APP), m.ConnectionCount(APP, 2, 2))
    finish(broker)
    assert [each.id for each in worker.received() if isinstance(each, m.QueryReply)] == [1, 2]
    worker.send(
        m.SubscriberCount(APP, "news", 4), m.QueryStates(3, APP, ["news"]), m.QueryConnections(4, APP)
    )
    finish(broker)
    states, connections = (each for each in worker.received() if isinstance(each, m.QueryReply))
    assert (m.read_states(states.value), m.read_count(connections.value)) == (
        [ChannelState(4, 0)],
        2,
    )


def test_last_events_expire_and_a_repeated_event_is_no_new_one() -> None:
    clock = Clock()
    broker = Broker(MEMBER_EVENTS, clock, lease_s=1000)
    worker = Worker(broker, "w1")
    for seq, text in ((1, b"first"), (1, b"again"), (2, b"")):
        worker.send(m.Publish(seq, APP, "cache-a", text, None, 60 if text else 0))
    worker.received()
    for expected in (b"first", None):
        worker.send(m.Enter(1, APP, "cache-a", 1, None, b"", False, True))
        assert [each.cached for each in worker.received() if isinstance(each, m.EnterReply)] == [expected]
        clock.now += 61
        broker.tick()
        assert broker._cache._apps == {}
