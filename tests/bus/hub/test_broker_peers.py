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
from tests.bus.hub.host_log import LogListener
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
    broker = a_broker(clock)
    busy, silent = Worker(broker, "w1"), Worker(broker, "w2")
    for worker in (busy, silent):
        worker.received()
    busy.peer.waiting_bytes = FULL_BYTES + 1  # the broker has not come to it
    clock.now += 5
    broker.tick()
    assert busy.received()[0] == m.HeartbeatReply()
    assert broker.workers == 1
    assert not busy.writer.closed
    assert silent.writer.closed


def test_the_loss_of_a_worker_is_told_with_its_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "MAX_UNSENT_BYTES", 100)
    clock = Clock()
    broker = a_broker(clock)
    asker, slow, quiet = (Worker(broker, f"w{number}") for number in (1, 2, 3))
    slow.writer.unsent_bytes = 101
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
    broker.receive(peer, [m.encode(m.Hello("w1", "", {}, [], [], []))])
    assert (broker.workers, broker.late_messages) == (0, 1)


def test_a_report_in_parts_is_taken_with_everything_in_it() -> None:
    broker, writer = a_broker(), MemoryWriter()
    peer, log = Peer(writer, 0), LogListener(broker.descriptors, ROOM)
    cached = m.CachedEventReport(APP, "cache-a", b"kept", 60.0)
    later = m.CachedEventReport(APP, "cache-b", b"kept too", 60.0)
    messages = (
        m.StatePart([m.ChannelReport(APP, ROOM, 2, [ANN])], [cached], []),
        m.Hello("w1", "", {APP: 3}, [m.ChannelReport(APP, "news", 1, [])], [later], [], [], log.token),
        m.QueryStates(1, APP, [ROOM, "news"]),
        m.QueryConnections(2, APP),
        m.Enter(3, APP, "cache-a", 1, None, b"", False, True),
        m.Enter(4, APP, "cache-b", 1, None, b"", False, True),
        m.QueryMembers(5, APP, ROOM),
    )
    broker.receive(peer, [m.encode(message) for message in messages])
    finish(broker)
    welcome, states, connections, members = writer.messages()
    assert welcome == m.Welcome(broker.epoch, 0)
    added, first, second = log.heard()
    assert isinstance(added, m.BrokerEvent)
    assert added.text == MEMBER_EVENTS.added(ROOM, ANN)
    assert isinstance(states, m.QueryReply)
    assert m.read_states(states.value) == [ChannelState(2, 1), ChannelState(1, 0)]
    assert isinstance(connections, m.QueryReply)
    assert m.read_count(connections.value) == 3
    assert first == m.EnterReply(3, [], b"kept")
    assert second == m.EnterReply(4, [], b"kept too")
    assert isinstance(members, m.QueryReply)
    assert m.read_members(members.value) == [ANN]
    assert peer.report.channels == NodeReport().channels  # nothing is kept of it


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


def test_last_events_expire() -> None:
    clock = Clock()
    broker = a_broker(clock, lease_s=1000)
    worker = Worker(broker, "w1")
    worker.publish(b"last", "cache-a", 60)
    for expected in (b"last", None):
        worker.send(m.Enter(1, APP, "cache-a", 1, None, b"", False, True))
        assert [each.cached for each in worker.log.heard() if isinstance(each, m.EnterReply)] == [expected]
        clock.now += 61
        broker.tick()
        assert broker._cache._apps == {}
