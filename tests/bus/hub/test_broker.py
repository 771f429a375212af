"""The broker without sockets: order, leases, replies. Rule 7: nothing that a worker sends can end it or run code."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb.bus import step_queue
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import broker as broker_module
from revurb.bus.hub import open_surveys
from revurb.bus.hub.peer import FULL_BYTES, Peer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.arbitrary import anything
from tests.bus.engines import APP
from tests.bus.hub.memory_writer import MemoryWriter
from tests.bus.hub.worker import LoggingBroker, Worker, a_broker
from tests.pusher.room import Clock

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")


def greeted(broker: LoggingBroker, node: str = "w1") -> Peer:
    peer = Peer(MemoryWriter(), 0)
    broker.receive(peer, [m.encode(m.Hello(node, "", {}, [], [], []))])
    return peer


@given(bodies=st.lists(st.binary(max_size=200), max_size=10))
def test_the_broker_takes_any_bytes(bodies: list[bytes]) -> None:
    broker = a_broker()
    peer = greeted(broker)
    broker.receive(peer, bodies)
    broker.receive(greeted(broker, "w2"), [m.encode(m.Publish(1, APP, "news", b"x", None, 0))])


@given(values=st.lists(st.lists(anything, max_size=9), max_size=10), tag=st.integers(0, 18))
@settings(max_examples=100)
def test_the_broker_takes_any_message(values: list[list[object]], tag: int) -> None:
    broker = a_broker()
    peer = greeted(broker)
    broker.receive(peer, [msgspec.msgpack.encode([tag, *value]) for value in values])
    broker.tick()


def test_nothing_is_done_for_someone_who_has_not_said_who_it_is() -> None:
    broker = a_broker()
    peer = Peer(MemoryWriter(), 0)
    broker.receive(peer, [m.encode(m.Publish(1, APP, "news", b"x", None, 0)), m.encode(m.HeartbeatRequest())])
    assert broker.invalid_messages == 2


def test_what_comes_on_a_replaced_connection_is_dropped_and_counted() -> None:
    broker = a_broker()
    Worker(broker, "w1")
    old = Worker(broker, "w2", "news")
    new = Worker(broker, "w2", "news", epoch=broker.epoch)
    new.received()
    assert isinstance(old.writer, MemoryWriter)
    assert old.writer.closed
    old.received()
    old.send(
        m.Goodbye(),
        m.Enter(1, APP, "other", 1, None, b"", False, False),
        m.Unsubscribe(APP, "news"),
        m.Publish(9, APP, "news", b"late", None, 0),
        m.Hello("w2", "", {}, [], [], []),
        m.HeartbeatRequest(),
    )
    broker.disconnected(old.peer)
    assert broker.workers == 2
    assert (old.received(), new.received()) == ([], [])
    assert (broker.late_messages, broker.invalid_messages) == (6, 0)


def test_a_second_greeting_on_a_connection_is_refused() -> None:
    broker = a_broker()
    worker = Worker(broker, "w1", "news")
    worker.send(m.Hello("w2", "", {}, [], [], []))
    assert (broker.workers, broker.invalid_messages) == (1, 1)


def test_nothing_comes_after_a_goodbye() -> None:
    broker = a_broker()
    worker = Worker(broker, "w1", "news")
    worker.received()
    worker.send(m.Goodbye(), m.Publish(1, APP, "news", b"x", None, 0), m.Hello("w1", "", {}, [], [], []))
    assert (worker.received(), broker.workers, broker.late_messages) == ([], 0, 2)


def test_deeply_nested_messages_are_refused() -> None:
    broker = a_broker()
    broker.receive(greeted(broker), [b"\x91" * 100_000])
    assert broker.invalid_messages == 1


def test_leaving_what_was_never_entered_changes_nothing() -> None:
    broker = a_broker()
    peer = greeted(broker)
    ann = Member("ann", b'"ann"', b"null")
    for message in (
        m.Leave(APP, "presence-x", 0, ann),
        m.SubscriberCount(APP, "news", 0),
        m.Unsubscribe(APP, "news"),
        m.ConnectionCount(APP, -5, -5),
        m.SurveyReply(99, b"x"),
        m.Goodbye(),
        m.Goodbye(),
    ):
        broker.receive(peer, [m.encode(message)])


def test_a_worker_that_does_not_come_back_is_removed_after_its_lease() -> None:
    clock = Clock()
    broker = a_broker(clock)
    one, two = Worker(broker, "w1"), Worker(broker, "w2", ROOM)
    one.send(m.Enter(1, APP, ROOM, 1, ANN, b"added", False, False))
    broker.disconnected(one.peer)
    broker.steps.go_on()
    *_, entrusted = two.received()
    assert two.texts() == [b"added"]
    assert entrusted == m.EntrustedMembers("w1", [m.ChannelReport(APP, ROOM, 0, [ANN])])
    clock.now += 4.9
    two.send(m.HeartbeatRequest())
    broker.tick()
    assert two.received() == [m.HeartbeatReply()]
    clock.now += 0.1
    broker.tick()
    assert two.received() == [m.NodeGone("w1")]
    assert two.texts() == [MEMBER_EVENTS.removed(ROOM, ANN)]


def test_a_silent_worker_is_disconnected() -> None:
    clock = Clock()
    broker = a_broker(clock)
    worker = Worker(broker, "w1")
    clock.now += 5
    broker.tick()
    assert worker.writer.closed
    assert broker.workers == 0


def test_connections_are_admitted_up_to_the_limit_of_all_workers() -> None:
    broker = a_broker()
    one, two = Worker(broker, "w1"), Worker(broker, "w2")
    one.received()
    two.received()
    one.send(m.Admit(1, APP, 2), m.Admit(2, APP, 2))
    two.send(m.Admit(1, APP, 2))
    replies = [message for worker in (one, two) for message in worker.received()]
    granted = [m.read_bool(reply.value) for reply in replies if isinstance(reply, m.QueryReply)]
    assert granted == [True, True, False]
    one.send(m.Goodbye())
    two.received()
    two.send(m.QueryConnections(2, APP))
    [reply] = two.received()
    assert isinstance(reply, m.QueryReply)
    assert m.read_count(reply.value) == 0


def test_a_survey_asks_every_worker_and_the_answers_go_to_the_asker() -> None:
    broker = a_broker()
    one, two = Worker(broker, "w1"), Worker(broker, "w2")
    one.received()
    two.received()
    one.send(m.StartSurvey(7, b"?"))
    assert two.received() == [m.SurveyQuestion(1, b"?")]
    reply, question = one.received()
    assert isinstance(reply, m.QueryReply)
    assert (reply.id, m.read_count(reply.value)) == (7, 2)
    assert question == m.SurveyQuestion(1, b"?")
    two.send(m.SurveyReply(1, b"two"))
    assert one.received() == [m.SurveyResult(7, b"two")]
    broker.disconnected(one.peer)
    two.send(m.SurveyReply(1, b"late"))
    assert one.received() == two.received() == []


def test_the_oldest_of_too_many_surveys_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_surveys, "_MAX_SURVEYS", 2)
    broker = a_broker()
    worker = Worker(broker, "w1")
    worker.send(*(m.StartSurvey(id, b"?") for id in (1, 2, 3)))
    worker.received()
    worker.send(m.SurveyReply(1, b"x"), m.SurveyReply(3, b"x"))
    assert worker.received() == [m.SurveyResult(3, b"x")]


def test_a_worker_that_takes_nothing_is_disconnected_however_much_it_said() -> None:
    clock = Clock()
    broker = a_broker(clock)
    worker = Worker(broker, "w1", "news")
    worker.writer.unsent_bytes = FULL_BYTES + 1
    worker.send(m.StartSurvey(1, b"x"))
    assert worker.peer.is_full
    clock.now += 4.9
    broker.tick()
    assert broker.workers == 1
    clock.now += 0.1
    broker.tick()
    assert broker.workers == 0


def test_too_many_replies_end_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "MAX_UNSENT_BYTES", 1000)
    broker = a_broker()
    Worker(broker, "w1")
    slow = Worker(broker, "w2")
    slow.writer.unsent_bytes = 1001
    broker.tick()
    assert broker.workers == 1


def test_what_comes_with_a_long_report_is_handled_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_queue, "TURN_S", 0.0)  # so that all of it waits
    broker, writer = a_broker(), MemoryWriter()
    peer = Peer(writer, 0)
    messages = (m.Hello("w1", "", {}, [], [], []), m.QueryConnections(1, APP), m.HeartbeatRequest())
    broker.receive(peer, [m.encode(message) for message in messages])
    while broker.steps:
        broker.steps.go_on()
    assert [type(each) for each in writer.messages()] == [m.Welcome, m.QueryReply, m.HeartbeatReply]
    assert (len(peer.inbox), peer.waiting_bytes) == (0, 0)


def test_events_are_not_the_brokers(caplog: pytest.LogCaptureFixture) -> None:
    broker = a_broker()
    one, two = Worker(broker, "w1", "news"), Worker(broker, "w2", "news")
    one.send(m.Publish(1, APP, "news", b"x", None, 0))
    assert (broker.invalid_messages, one.texts(), two.texts()) == (1, [], [])
    one.publish(b"1")
    two.publish(b"2")
    assert one.texts() == two.texts() == [b"1", b"2"]


def test_the_last_event_of_a_channel_is_that_ahead_of_the_reply() -> None:
    broker = a_broker()
    publisher, subscriber = Worker(broker, "w1"), Worker(broker, "w2", "cache-a")
    publisher.publish(b"before", "cache-a", 60)
    subscriber.send(m.Enter(1, APP, "cache-a", 1, None, b"", False, True))
    publisher.publish(b"after", "cache-a", 60)
    assert subscriber.log.heard() == [
        PublishedEvent(APP, "cache-a", b"before", None, 60),
        m.EnterReply(1, [], b"before"),
        PublishedEvent(APP, "cache-a", b"after", None, 60),
    ]
    assert publisher.log.heard() == []  # a reply is for nobody else
