"""Events that their publishers have to keep."""

from revurb.bus.hub.held_events import HeldEvents
from revurb.bus.hub.peer import Peer
from tests.bus.hub.memory_writer import MemoryWriter


def test_events_are_settled_in_order_of_position_and_told_together() -> None:
    held, one, two = HeldEvents(), Peer(MemoryWriter(), 0), Peer(MemoryWriter(), 0)
    held.hold(1, one, 0, 10)
    held.hold(2, two, 0, 20)
    held.hold(3, one, -1, 5)
    held.hold(4, one, 0, 11)
    held.hold(5, one, 0, 12)
    assert list(held.settle(0)) == []
    assert list(held.settle(4)) == [(one, 0, [10, 11]), (two, 0, [20]), (one, -1, [5])]
    assert len(held) == 1
    assert list(held.settle(9)) == [(one, 0, [12])]


def test_a_publisher_that_goes_gives_back_one_partition() -> None:
    held, one, two = HeldEvents(), Peer(MemoryWriter(), 0), Peer(MemoryWriter(), 0)
    held.hold(1, one, -3, 10)
    held.hold(2, two, -3, 20)
    held.hold(3, one, 0, 5)
    held.hold(4, one, -3, 11)
    assert held.take_back(one, -3) == [1, 4]
    assert held.take_back(one, -3) == []
    assert list(held.settle(4)) == [(two, -3, [20]), (one, 0, [5])]
