"""The outbox and the fan-out over real socket pairs, without an event loop: the test turns the loop itself."""

from __future__ import annotations

import gc
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from revurb._speedups.fanout import Fanout, Outbox, deliver

FRAME = b"\x81\x05hello"


class Peer(Outbox):
    """An outbox whose transport is a list, and whose other end is `there`."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.there.setblocking(False)
        self.through_transport: list[bytes] = []
        self.transport_bytes = 0

    def transport_is_empty(self) -> bool:
        return self.transport_bytes == 0

    def write_to_transport(self, frames: list[Any], /) -> None:
        for frame in frames:
            self.through_transport.append(bytes(frame))
            self.transport_bytes += len(frame)

    def received(self) -> bytes:
        got = b""
        try:
            while piece := self.there.recv(1 << 20):
                got += piece
        except BlockingIOError:
            pass
        return got


class Loop:
    """Counts how often it was asked to flush, and makes peers."""

    def __init__(self) -> None:
        self.wakes = 0
        self.fanout = Fanout(self.woken)
        self.peers: list[Peer] = []

    def woken(self) -> None:
        self.wakes += 1

    def peer(self, *, tls: bool = False) -> Peer:
        peer = Peer()
        peer.attach(self.fanout, -1 if tls else peer.here.fileno())
        self.peers.append(peer)
        return peer

    def flush(self) -> bool:
        return self.fanout.flush(1.0)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    for peer in loop.peers:
        peer.detach()
        peer.here.close()
        peer.there.close()


def fill(peer: Peer) -> int:
    """Send on the socket until the kernel takes no more; how many bytes that was."""
    size = 0
    while True:
        try:
            size += peer.here.send(b"\0" * 65536)
        except BlockingIOError:
            return size


def test_nothing_is_sent_before_the_flush_and_everything_with_it(loop: Loop) -> None:
    peers = [loop.peer() for _ in range(3)]
    assert deliver(dict.fromkeys(peers), FRAME) == 3
    assert [peer.received() for peer in peers] == [b"", b"", b""]
    assert loop.wakes == 1
    assert not loop.flush()
    assert [peer.received() for peer in peers] == [FRAME] * 3
    assert not any(peer.through_transport for peer in peers)


def test_one_wake_a_turn_and_another_in_the_next(loop: Loop) -> None:
    one, two = loop.peer(), loop.peer()
    one.send(FRAME)
    one.send(FRAME)
    two.send(FRAME)
    assert loop.wakes == 1
    loop.flush()
    one.send(FRAME)
    assert loop.wakes == 2


@pytest.mark.parametrize("count", [1, 2, 8, 127, 128, 129, 300])
def test_frames_of_a_turn_arrive_in_order(loop: Loop, count: int) -> None:
    peer = loop.peer()
    frames = [b"%d," % number for number in range(count)]
    for frame in frames:
        peer.send(frame)
    loop.flush()
    assert peer.received() == b"".join(frames)


def test_the_one_to_skip_is_skipped(loop: Loop) -> None:
    peers = [loop.peer() for _ in range(3)]
    assert deliver(dict.fromkeys(peers), FRAME, peers[1]) == 2
    loop.flush()
    assert [peer.received() for peer in peers] == [FRAME, b"", FRAME]


def test_other_outlets_get_their_send_called(loop: Loop) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.frames: list[bytes] = []

        def send(self, frame: bytes) -> None:
            self.frames.append(frame)

    recorder, skipped, peer = Recorder(), Recorder(), loop.peer()
    outlets: dict[Any, None] = {recorder: None, peer: None, skipped: None}
    assert deliver(outlets, FRAME, skipped) == 2
    assert (recorder.frames, skipped.frames) == ([FRAME], [])


def test_an_outlet_that_leaves_while_it_is_sent_to_disturbs_nobody(loop: Loop) -> None:
    class Leaver:
        def __init__(self, subscribers: dict[Any, None]) -> None:
            self.subscribers = subscribers

        def send(self, frame: bytes) -> None:
            self.subscribers.clear()

    subscribers: dict[Any, None] = {}
    subscribers[Leaver(subscribers)] = None
    subscribers[Leaver(subscribers)] = None
    assert deliver(subscribers, FRAME) == 2


def test_what_the_kernel_does_not_take_goes_through_the_transport_in_order(loop: Loop) -> None:
    peer = loop.peer()
    big = bytes(range(256)) * 4096  # 1 MiB: more than a socket buffer holds
    peer.send(big)
    peer.send(FRAME)
    loop.flush()
    first = peer.received()
    assert 0 < len(first) < len(big)
    assert first + b"".join(peer.through_transport) == big + FRAME
    # While the transport has bytes of its own, nothing may overtake them.
    peer.through_transport.clear()
    peer.send(b"later")
    loop.flush()
    assert (peer.received(), peer.through_transport) == (b"", [b"later"])
    # Once it has none, the short way is open again.
    peer.transport_bytes = 0
    peer.send(b"again")
    loop.flush()
    assert peer.received() == b"again"


@pytest.mark.parametrize("count", [1, 3, 200])
def test_a_full_socket_takes_nothing_and_nothing_is_lost(loop: Loop, count: int) -> None:
    peer = loop.peer()
    size = fill(peer)
    for number in range(count):
        peer.send(b"%d," % number)
    loop.flush()
    assert len(peer.received()) == size
    assert b"".join(peer.through_transport) == b"".join(b"%d," % number for number in range(count))


def test_a_partial_write_is_cut_between_and_inside_frames(loop: Loop) -> None:
    for surplus in range(0, 40, 7):
        peer = loop.peer()
        frames = [bytes([65 + number]) * 100_000 for number in range(5)] + [b"x" * surplus]
        for frame in frames:
            peer.send(frame)
        loop.flush()
        assert peer.received() + b"".join(peer.through_transport) == b"".join(frames)


def test_tls_always_goes_through_the_transport(loop: Loop) -> None:
    peer = loop.peer(tls=True)
    peer.send(b"a")
    peer.send(b"b")
    loop.flush()
    assert (peer.received(), peer.through_transport) == (b"", [b"a", b"b"])


def test_a_shut_outbox_takes_nothing_more_and_sends_what_waits(loop: Loop) -> None:
    peer = loop.peer()
    peer.send(b"last")
    peer.shut()
    peer.send(b"too late")
    loop.flush()
    assert peer.received() == b"last"
    peer.flush()
    assert peer.received() == b""


def test_flushing_one_leaves_the_others_waiting(loop: Loop) -> None:
    one, two = loop.peer(), loop.peer()
    deliver({one: None, two: None}, FRAME)
    one.flush()
    assert (one.received(), two.received()) == (FRAME, b"")
    loop.flush()
    assert (one.received(), two.received()) == (b"", FRAME)


def test_a_detached_outbox_touches_its_descriptor_no_more(loop: Loop) -> None:
    gone, other = loop.peer(), loop.peer()
    gone.send(FRAME)
    gone.detach()
    gone.here.close()
    stranger, far = socket.socketpair()  # takes over the number of the closed descriptor
    far.setblocking(False)
    gone.send(FRAME)
    other.send(FRAME)
    loop.flush()
    with pytest.raises(BlockingIOError):
        far.recv(100)
    assert other.received() == FRAME
    stranger.close()
    far.close()


def test_a_broken_connection_is_dropped_quietly(loop: Loop) -> None:
    broken, other = loop.peer(), loop.peer()
    broken.there.close()
    for _ in range(3):
        deliver({broken: None, other: None}, FRAME)
        loop.flush()
    assert other.received() == FRAME * 3
    assert broken.through_transport == []


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


def test_trouble_with_one_connection_leaves_the_others_for_the_next_flush(loop: Loop) -> None:
    class Troubled(Peer):
        def transport_is_empty(self) -> bool:
            raise ZeroDivisionError

    troubled, other = Troubled(), loop.peer()
    troubled.attach(loop.fanout, troubled.here.fileno())
    deliver({troubled: None, other: None}, FRAME)
    with pytest.raises(ZeroDivisionError):
        loop.flush()
    assert not loop.flush()
    assert other.received() == FRAME
    troubled.here.close()
    troubled.there.close()


def test_an_owner_that_sends_while_it_is_flushed_is_flushed_again(loop: Loop) -> None:
    class Talker(Peer):
        def write_to_transport(self, frames: list[Any], /) -> None:
            super().write_to_transport(frames)
            if len(self.through_transport) < 3:
                self.send(b"more")

    talker = Talker()
    talker.attach(loop.fanout, -1)
    talker.send(b"first")
    assert not loop.flush()
    assert talker.through_transport == [b"first", b"more", b"more"]
    talker.here.close()
    talker.there.close()


@pytest.mark.parametrize(
    "call", [lambda o: o.send(None), lambda o: o.send("text"), lambda o: o.attach(None, 1)]
)
def test_wrong_types_are_refused(loop: Loop, call: Any) -> None:
    with pytest.raises(TypeError):
        call(loop.peer())
    with pytest.raises(TypeError):
        deliver(None, FRAME)  # type: ignore[arg-type]


def test_what_is_not_implemented_says_so() -> None:
    box = Outbox()
    for call in (box.transport_is_empty, lambda: box.write_to_transport([])):
        with pytest.raises(NotImplementedError):
            call()


def test_a_million_deliveries_leave_no_memory_behind(loop: Loop) -> None:
    peers = [loop.peer() for _ in range(50)]
    subscribers = dict.fromkeys(peers)

    def deliver_some(times: int) -> None:
        for _ in range(times):
            for _ in range(5):
                deliver(subscribers, b"\x81\x0a0123456789")
            loop.flush()
            for peer in peers:
                peer.received()

    deliver_some(100)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    deliver_some(4000)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2048  # KiB


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
