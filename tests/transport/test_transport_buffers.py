"""The sum of what transports hold, and whose is in the way."""

from __future__ import annotations

import sys

import pytest

from revurb._speedups.fanout import Fanout
from revurb.transport import transport_buffers
from revurb.transport.transport_buffers import STALLED_S, TransportBuffers


class Connection:
    """A connection whose transport holds what the test says."""

    def __init__(self, size_bytes: int = 0) -> None:
        self.transport_bytes = size_bytes
        self.kernel_bytes = 0
        self.has_been_ended = False

    @property
    def unsent_bytes(self) -> int:
        return self.transport_bytes + self.kernel_bytes

    def end_stalled(self) -> None:
        self.has_been_ended = True


def buffers(limit_bytes: int = 1000) -> tuple[Fanout, TransportBuffers]:
    fanout = Fanout(lambda: None, limit_bytes)
    return fanout, TransportBuffers(fanout)


def test_the_sum_follows_each_look() -> None:
    fanout, held = buffers()
    one, two = Connection(100), Connection(50)
    held.note(one, 0.0)
    held.note(two, 0.0)
    assert fanout.transport_bytes == 150
    one.transport_bytes = 400
    held.note(one, 0.0)
    assert fanout.transport_bytes == 450
    one.transport_bytes, two.transport_bytes = 10, 0
    held.look(1.0)
    assert fanout.transport_bytes == 10
    held.forget(one)
    held.forget(two)
    held.forget(two)
    assert fanout.transport_bytes == 0


def test_one_that_holds_nothing_is_not_kept() -> None:
    fanout, held = buffers()
    connection = Connection()
    held.note(connection, 0.0)
    connection.transport_bytes = 7  # not noted
    held.look(1.0)
    assert fanout.transport_bytes == 0


def test_a_herd_that_has_taken_everything_leaves_nothing() -> None:
    fanout, held = buffers()
    herd = [Connection(100) for _ in range(1000)]
    for each in herd:
        held.note(each, 0.0)
    for each in herd:
        each.transport_bytes = 0
    held.look(1.0)
    assert fanout.transport_bytes == 0
    assert sys.getsizeof(held.connections) == sys.getsizeof({})


def test_when_a_peer_last_took_something_is_known() -> None:
    _, held = buffers()
    connection = Connection(100)
    assert held.moved_at(connection) == float("-inf")
    held.note(connection, 1.0)
    held.look(1.5)
    assert held.moved_at(connection) == 1.0
    connection.transport_bytes = 90
    held.look(2.0)
    connection.transport_bytes = 200  # more was sent: that is no sign of the peer
    held.look(3.0)
    held.look(4.0)  # nor is it one that nothing has changed
    assert held.moved_at(connection) == 2.0


@pytest.mark.parametrize("per_second", [0, 1, 100])
def test_who_needs_too_long_while_more_waits_than_may_is_ended(per_second: int) -> None:
    _, held = buffers(limit_bytes=1000)
    slow, quick = Connection(501), Connection(500)
    slow.kernel_bytes = quick.kernel_bytes = 10_000
    held.note(slow, 0.0)
    held.note(quick, 0.0)
    ended = []
    for second in range(8):
        held.look(float(second))
        ended.append((slow.has_been_ended, quick.has_been_ended))
        slow.kernel_bytes -= per_second
        quick.kernel_bytes -= 100  # takes as much in five seconds as its transport holds
    first = next(second for second, (was_ended, _) in enumerate(ended) if was_ended)
    assert first == STALLED_S
    assert not quick.has_been_ended


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "seen"])
def test_what_is_written_meanwhile_does_not_count_against_a_peer(is_told: bool) -> None:
    _, held = buffers(limit_bytes=100)
    connection = Connection(600)
    held.note(connection, 0.0)
    for second in range(1, 30):  # it takes 200 a second, and is sent as much
        if is_told:
            held.note(connection, float(second), [b"x" * 150, memoryview(b"x" * 50)])
        else:
            for connection.transport_bytes in (400, 600):
                held.note(connection, float(second))
        held.look(float(second))
    assert not connection.has_been_ended
    assert held.moved_at(connection) == 29.0


def test_a_peer_that_has_let_its_transport_go_on_is_not_behind() -> None:
    """How an HTTP connection tells: nobody says what is written to it."""
    _, held = buffers(limit_bytes=100)
    connection = Connection(600)
    held.note(connection, 0.0)
    for second in range(30):
        held.look(float(second))
        if second % 4 == 3:
            held.note_progress(connection, float(second))
    assert not connection.has_been_ended


def test_nobody_is_ended_while_there_is_room() -> None:
    _, held = buffers(limit_bytes=1000)
    stalled = Connection(1000)
    held.note(stalled, 0.0)
    held.look(100.0)
    assert not stalled.has_been_ended


def test_where_there_are_many_each_is_looked_at_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_buffers, "MAX_LOOKS", 2)
    fanout, held = buffers()
    connections = [Connection(10) for _ in range(5)]
    for connection in connections:
        held.note(connection, 0.0)
    for connection in connections:
        connection.transport_bytes = 1
    left = []
    for _ in range(3):
        held.look(1.0)
        left.append(fanout.transport_bytes)
    assert left == [32, 14, 5]
