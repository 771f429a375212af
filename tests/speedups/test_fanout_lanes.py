"""What is flushed first: the budget of a flush, and its two lanes."""

from __future__ import annotations

from revurb._speedups.fanout import deliver
from tests.speedups.peers import Loop

FRAME = b"\x81\x05hello"


def test_the_budget_gives_way_and_the_rest_follows_in_order(loop: Loop) -> None:
    peers = [loop.peer() for _ in range(100)]
    subscribers = dict.fromkeys(peers)
    deliver(subscribers, b"1")
    assert loop.fanout.flush(0.0)  # no time at all: a few are sent, and the caller is asked to come again
    sent = sum(peer.received() == b"1" for peer in peers)
    assert 0 < sent < 100
    deliver(subscribers, b"2")
    while loop.fanout.flush(0.0):
        pass
    assert [peer.received() for peer in peers[sent:]] == [b"12"] * (100 - sent)
    assert [peer.received() for peer in peers[:sent]] == [b"2"] * sent


def test_deliveries_to_few_and_replies_go_ahead_of_large_ones(loop: Loop) -> None:
    """A budget of nothing flushes 32 outboxes of each lane, which is how often it looks at the clock."""
    many = {loop.peer(): None for _ in range(200)}
    few = {loop.peer(): None for _ in range(10)}
    alone = loop.peer()
    deliver(many, FRAME)
    deliver(few, FRAME)
    alone.send(FRAME)
    assert loop.fanout.flush(0.0)
    assert [peer.received() for peer in few] == [FRAME] * 10
    assert alone.received() == FRAME
    served = sum(bool(peer.received()) for peer in many)
    assert 0 < served < 200, "the large one is not starved, and not finished either"
    while loop.fanout.flush(0.0):
        pass
    assert sum(bool(peer.received()) for peer in many) == 200 - served


def test_order_of_a_connection_is_kept_over_both_lanes(loop: Loop) -> None:
    many = {loop.peer(): None for _ in range(200)}
    last = list(many)[-1]
    deliver(many, b"\x81\x011")
    last.send(b"\x81\x012")
    deliver(many, b"\x81\x013")
    loop.fanout.flush(0.0)
    assert last.received() == b"\x81\x011\x81\x012\x81\x013"
    while loop.fanout.flush(0.0):
        pass
    assert last.received() == b""
