"""The order of all events, and their confirmation. More of it is in test_broker.py."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.event_router import EventRouter
from revurb.bus.hub.peer import Peer
from revurb.pusher.ports import PublishedEvent
from tests.bus.hub.memory_writer import MemoryWriter

APP = "app1"
EVENT = PublishedEvent(APP, "news", b"x")


def connected(router: EventRouter, node: str) -> tuple[Peer, MemoryWriter]:
    writer = MemoryWriter()
    peer = Peer(writer, 0)
    peer.node = node
    router.peers[node] = peer
    router.routes.add(node, (APP, "news"), peer)
    return peer, writer


def test_the_slowest_worker_decides_what_is_held() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    publisher, told = connected(router, "w1")
    slow, slower = connected(router, "w2")[0], connected(router, "w3")[0]
    for seq in (1, 2, 3):
        router.send("w1", seq, EVENT)
        router.confirm(publisher, seq)
        if seq == 2:
            router.fell_behind(slower)
        router.acknowledge()
    router.fell_behind(slow)
    told.written.clear()
    assert router.has_backlogs
    for peer in (slow, slower):
        while peer.backlog is not None:
            router.took_all(peer)
            router.write_backlog(peer)
            if peer is slower:
                router.took_all(peer)
    assert told.messages() == [m.Accepted([2]), m.Accepted([3])]
    assert not router.has_backlogs


def test_who_has_gone_is_told_nothing() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    publisher, told = connected(router, "w1")
    slow = connected(router, "w2")[0]
    router.fell_behind(slow)
    router.send("w1", 1, EVENT)
    router.confirm(publisher, 1)
    router.acknowledge()
    told.written.clear()
    del router.peers["w1"]
    assert router.disconnected(slow) == 0
    router.settle()
    assert told.written == []


def test_the_brokers_own_events_are_kept_by_a_worker_that_takes_what_it_is_sent() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    slow, told_slow = connected(router, "w1")
    _, told = connected(router, "w2")
    router.fell_behind(slow)
    router.send_own(EVENT)
    router.acknowledge()
    event, entrusted = told.messages()
    assert isinstance(event, m.BrokerEvent)
    assert (event.node, event.partition) == ("epoch", m.BROKER_EVENTS)
    assert entrusted == m.EntrustedEvent(event.seq, APP, "news", b"x", None, 0, 1, m.BROKER_EVENTS, "epoch")
    told.written.clear()
    router.acknowledge()
    assert told.written == told_slow.written == []  # not again
    while slow.backlog is not None:
        router.write_backlog(slow)
        router.took_all(slow)
    assert told.messages() == [m.Accepted([event.seq], m.BROKER_EVENTS)]


def test_the_brokers_own_events_have_rising_numbers() -> None:
    """By which those that came twice are known."""
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    _, told = connected(router, "w1")
    for _ in range(3):
        router.send_own(EVENT)
    router.acknowledge()
    seqs = [each.seq for each in told.messages() if isinstance(each, m.BrokerEvent)]
    assert seqs == list(range(seqs[0], seqs[0] + 3))


def test_nothing_is_kept_of_who_was_told() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    publisher, told = connected(router, "w1")
    router.send("w1", 1, EVENT)
    router.confirm(publisher, 1)
    router.confirm_change(publisher, m.ADDED_MEMBERS, 1)
    assert router.unacknowledged == [publisher]
    router.acknowledge()
    assert router.unacknowledged == []
    event, *confirmed = told.messages()
    assert event == m.BrokerEvent(1, "w1", 1, APP, "news", b"x", None, 0)
    assert confirmed == [m.Accepted([1]), m.Accepted([1], m.ADDED_MEMBERS)]


def test_the_brokers_own_events_are_kept_for_a_worker_that_may_come_back() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    _, told = connected(router, "w1")
    router.absent["w2"] = 0
    router.send_own(EVENT)
    router.acknowledge()
    assert [type(each) for each in told.messages()] == [m.BrokerEvent, m.EntrustedEvent]


def test_the_brokers_own_events_need_no_keeper_where_all_have_them() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    _, told = connected(router, "w1")
    slow, _ = connected(router, "w2")
    router.send_own(EVENT)
    router.acknowledge()
    router.fell_behind(slow)  # by what comes later
    router.acknowledge()
    assert [type(each) for each in told.messages()] == [m.BrokerEvent]


def test_without_a_keeper_the_brokers_own_events_wait_for_the_others_alone() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    slow, told = connected(router, "w1")
    router.fell_behind(slow)
    router.send_own(EVENT)
    router.acknowledge()
    router.write_backlog(slow)
    router.took_all(slow)
    assert [type(each) for each in told.messages()] == [m.BrokerEvent]


def entrusted_to(told: MemoryWriter) -> list[m.EntrustedEvent]:
    return [each for each in told.messages() if isinstance(each, m.EntrustedEvent)]


def are_kept(router: EventRouter) -> bool:
    return router.all_are_kept


def test_what_a_worker_kept_is_given_to_another_one_when_it_goes() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    slow, _ = connected(router, "w1")
    keeper, told_keeper = connected(router, "w2")
    router.fell_behind(slow)
    for _ in range(2):
        router.send_own(EVENT)
    router.acknowledge()
    del router.peers["w2"]
    router.disconnected(keeper)
    assert not are_kept(router)
    assert list(router.entrust()) == []  # there is nobody
    _, told = connected(router, "w3")
    list(router.entrust())
    assert entrusted_to(told) == entrusted_to(told_keeper)
    assert len(entrusted_to(told)) == 2
    assert are_kept(router)
    told.written.clear()
    while slow.backlog is not None:
        router.write_backlog(slow)
        router.took_all(slow)
    assert [type(each) for each in told.messages()] == [m.Accepted]
    assert len(router._held) == 0


def test_what_its_keeper_has_perhaps_not_taken_is_given_to_another_one() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    slow, _ = connected(router, "w1")
    keeper, _ = connected(router, "w2")
    _, told = connected(router, "w3")
    router.fell_behind(slow)
    router.send_own(EVENT)
    router.acknowledge()
    router.acknowledge()
    router.acknowledge()
    router.fell_behind(keeper)  # by what comes later
    assert are_kept(router)
    router.send_own(EVENT)
    router.acknowledge()  # w3 keeps it
    assert len(entrusted_to(told)) == 1
    router.fell_behind(router.peers["w3"])
    assert not are_kept(router)
    _, told_fast = connected(router, "w4")
    list(router.entrust())
    assert [each.position for each in entrusted_to(told_fast)] == [2]


def test_what_everybody_has_or_the_log_has_dropped_needs_no_keeper() -> None:
    log = EventLog(lambda: 0.0, kept_bytes=1000)
    router = EventRouter(log, "epoch")
    slow, _ = connected(router, "w1")
    router.fell_behind(slow)
    for _ in range(50):
        router.send_own(EVENT)
    router.acknowledge()
    list(router.entrust())
    assert len(router._unkept) <= 3  # those that the log has
    while slow.backlog is not None:
        router.write_backlog(slow)
        router.took_all(slow)
    list(router.entrust())
    assert are_kept(router)


def test_who_has_gone_is_waited_for_no_more() -> None:
    router = EventRouter(EventLog(lambda: 0.0), "epoch")
    publisher, told = connected(router, "w1")
    slow, _ = connected(router, "w2")
    router.fell_behind(slow)
    router.disconnected(slow)
    assert not router.has_backlogs
    router.send("w1", 1, EVENT)
    router.confirm(publisher, 1)
    router.acknowledge()
    assert told.messages()[-1] == m.Accepted([1])
