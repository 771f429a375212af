"""The outbox and the fan-out over real socket pairs, without an event loop: the test turns the loop itself."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from revurb._speedups.fanout import FLUSH_BOUNDS_S, Outbox, deliver
from revurb.observe.metrics import BY_NAME
from tests.speedups.allocated import allocated
from tests.speedups.peers import Loop, Peer

FRAME = b"\x81\x05hello"


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


@pytest.mark.parametrize(
    "sizes", [(4094, 1), (4095, 1), (4096, 1), (1, 4096), (5000, 1), (2048, 2048, 1), (0, 0), (0, 9)]
)
def test_frames_that_are_sent_as_one_piece_or_as_a_list(loop: Loop, sizes: tuple[int, ...]) -> None:
    peer = loop.peer()
    frames = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
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
    before = allocated()
    deliver_some(4000)
    after = allocated()
    assert after.blocks - before.blocks < 1000
    assert after.heap_bytes - before.heap_bytes < 256 * 1024


def test_what_was_sent_is_counted(loop: Loop) -> None:
    one, two = loop.peer(), loop.peer()
    one.send(FRAME)
    deliver(dict.fromkeys([one, two]), FRAME)
    fanout = loop.fanout
    assert (fanout.frames_total, fanout.sent_bytes_total) == (3, 0)
    loop.flush()
    loop.flush()
    assert (fanout.frames_total, fanout.sent_bytes_total) == (3, 3 * len(FRAME))
    assert sum(fanout.flush_times.counts) == 2
    two.shut()
    two.send(FRAME)  # nothing is sent any more
    assert fanout.frames_total == 3


def test_the_bounds_of_a_flush_are_those_of_its_metric() -> None:
    assert BY_NAME["flush_seconds"].bounds == FLUSH_BOUNDS_S
