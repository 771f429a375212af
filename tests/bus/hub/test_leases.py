"""How long a worker keeps its place: for ever while it only beats, and one lease after the last word."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.peer import Peer
from revurb.pusher.ports import Member
from tests.bus.engines import APP
from tests.bus.hub.memory_writer import MemoryWriter
from tests.bus.hub.worker import a_broker
from tests.pusher.room import Clock

LEASE_S = 5
ROOM = "presence-room"


def test_a_worker_that_only_beats_keeps_its_place_for_three_leases() -> None:
    clock = Clock()
    broker = a_broker(clock, lease_s=LEASE_S)
    writer = MemoryWriter()
    peer = Peer(writer, clock.now)
    ann = Member("ann", b'"ann"', b"null")
    hello = m.Hello("w1", "", {}, [], [], [])
    enter = m.Enter(1, APP, ROOM, 1, ann, b"added", False, False)
    broker.receive(peer, [m.encode(message) for message in (hello, enter)])
    for _ in range(3 * LEASE_S):
        clock.now += 1
        broker.receive(peer, [m.encode(m.HeartbeatRequest())])
        broker.tick()
    assert (broker.workers, writer.closed) == (1, False)
    writer.written.clear()
    broker.receive(peer, [m.encode(m.QueryMembers(2, APP, ROOM))])
    (reply,) = writer.messages()
    assert isinstance(reply, m.QueryReply)
    assert b"ann" in bytes(reply.value)
    clock.now += LEASE_S  # and then says nothing
    broker.tick()
    assert (broker.workers, writer.closed) == (0, True)
