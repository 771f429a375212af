"""What waits is counted as it enters an outbox, and taken off wherever it goes."""

from __future__ import annotations

from revurb._speedups.fanout import Fanout, deliver
from tests.speedups.peers import Loop, Peer

FRAME = b"x" * 100


def is_full(fanout: Fanout) -> bool:
    return fanout.is_full


def has_long_outbox(fanout: Fanout) -> bool:
    return fanout.has_long_outbox


def test_bytes_are_counted_in_each_outbox_until_they_are_sent(loop: Loop) -> None:
    peers = [loop.peer() for _ in range(3)]
    deliver(dict.fromkeys(peers), FRAME)
    peers[0].send(FRAME)
    assert loop.fanout.queued_bytes == 400
    loop.flush()
    assert loop.fanout.queued_bytes == 0


def test_what_the_kernel_refuses_is_the_transports(loop: Loop) -> None:
    peer = loop.peer()
    deliver({peer: None}, b"x" * 10_000_000)
    assert loop.fanout.queued_bytes == 10_000_000
    loop.flush()
    assert loop.fanout.queued_bytes == 0
    assert peer.transport_bytes > 0


def test_what_is_dropped_is_not_counted(loop: Loop) -> None:
    lost, shut = loop.peer(), loop.peer()
    lost.send(FRAME)
    lost.detach()
    lost.send(FRAME)
    shut.send(FRAME)
    shut.shut()
    shut.send(FRAME)
    assert loop.fanout.queued_bytes == 100
    lost.detach()  # a second time takes nothing off
    assert loop.fanout.queued_bytes == 100


def test_full_is_what_waits_in_outboxes_and_transports_together() -> None:
    fanout = Fanout(lambda: None, 250)
    peer = Peer()
    peer.attach(fanout, peer.here.fileno())
    peer.send(FRAME)
    fanout.transport_bytes = 150
    assert not is_full(fanout)
    fanout.transport_bytes = 151
    assert is_full(fanout)
    fanout.flush(1.0)
    assert not is_full(fanout)
    fanout.transport_bytes = 1 << 62  # whatever the sum would be
    peer.send(FRAME)
    assert is_full(fanout)
    peer.close()


def test_an_outbox_that_has_got_long_is_noticed_until_the_next_flush(loop: Loop) -> None:
    peer, other = loop.peer(), loop.peer()
    for _ in range(655):
        deliver({peer: None, other: None}, FRAME)
    assert not has_long_outbox(loop.fanout)
    peer.send(FRAME)
    assert has_long_outbox(loop.fanout)
    loop.flush()
    assert not has_long_outbox(loop.fanout)


def test_replies_are_counted_until_the_kernel_has_taken_all(loop: Loop) -> None:
    peer = loop.peer()
    deliver({peer: None}, FRAME)
    assert peer.reply_bytes == 0
    peer.send(FRAME)
    assert peer.reply_bytes == 100
    loop.flush()
    assert peer.reply_bytes == 0
    peer.send(b"x" * 10_000_000)
    loop.flush()
    assert peer.reply_bytes == 10_000_000, "a part of it is in the transport"
    peer.transport_bytes = 0
    peer.send(FRAME)
    while peer.received():
        pass
    loop.flush()
    assert peer.reply_bytes == 0


def test_compressed_frames_count_as_what_they_are(loop: Loop) -> None:
    peer = Peer()
    peer.attach(loop.fanout, peer.here.fileno(), lambda frame: frame[:10])
    deliver({peer: None}, FRAME)
    peer.send(FRAME)
    assert (loop.fanout.queued_bytes, peer.reply_bytes) == (20, 10)
    peer.close()
