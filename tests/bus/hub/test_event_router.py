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
    router = EventRouter(EventLog(lambda: 0.0))
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
    router = EventRouter(EventLog(lambda: 0.0))
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
