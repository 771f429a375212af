"""The framer's memory: what has arrived, hardly more, and nothing once it is not needed."""

from __future__ import annotations

import gc
import sys

from revurb._speedups.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, FrameReader, server_frame
from tests.speedups.allocated import allocated
from tests.speedups.wire_bytes import client_frame


def test_a_declared_length_costs_nothing() -> None:
    reader = FrameReader(1 << 30)
    idle = sys.getsizeof(reader)
    reader.feed(client_frame(BINARY, b"x", length=16 << 20))
    assert sys.getsizeof(reader) - idle < 64
    sent = 1
    for _ in range(100):
        reader.feed(b"x" * 1000)
        sent += 1000
        assert sys.getsizeof(reader) - idle <= 2 * sent


def test_an_unfinished_message_grows_in_few_steps_and_not_past_its_length() -> None:
    """Each step copies what is there: by doubling, the copies add up to the length; by pieces, to its square."""
    reader = FrameReader(1 << 20)
    idle = sys.getsizeof(reader)
    sizes = set()
    for fin, opcode in ((False, BINARY), (True, CONTINUATION)):
        frame = client_frame(opcode, b"x" * 5000, fin=fin)
        for at in range(0, len(frame) - 10, 10):
            reader.feed(frame[at : at + 10])
            sizes.add(sys.getsizeof(reader) - idle)
        reader.feed(frame[at + 10 :])
    assert max(sizes) == 10_000
    assert len(sizes) <= 16


def test_nothing_is_kept_once_it_is_not_needed() -> None:
    idle = sys.getsizeof(FrameReader(1 << 20))

    def size_after(*pieces: bytes) -> int:
        reader = FrameReader(1 << 20)
        for piece in pieces:
            reader.feed(piece)
        return sys.getsizeof(reader)

    start = client_frame(TEXT, b"a" * 5000, fin=False)
    assert size_after(start) > idle + 4999
    assert size_after(start, client_frame(0, b"b")) == idle
    assert size_after(start, b"\xff\xff") == idle  # failed
    assert size_after(start, client_frame(CLOSE)) == idle


def test_an_idle_reader_is_small() -> None:
    assert sys.getsizeof(FrameReader(1 << 20)) <= 192
    assert not gc.is_tracked(FrameReader(1 << 20))


def test_no_leak() -> None:
    text = client_frame(TEXT, b"a" * 300)
    torn = (
        client_frame(TEXT, b"b" * 200, fin=False)
        + client_frame(PING, b"c" * 100)
        + client_frame(0, b"d" * 200)
    )
    failing = client_frame(TEXT, b"e" * 500, fin=False) + b"\xff\xff"

    def work(rounds: int) -> None:
        for _ in range(rounds):
            reader = FrameReader(1000)
            for _ in range(10):
                reader.feed(text)
                reader.feed(torn[:150])
                reader.feed(torn[150:350])
                reader.feed(torn[350:])
            reader.feed(failing)
            assert reader.failure is not None
            FrameReader(1000).feed(failing[:300])  # dropped with a message in it
            server_frame(TEXT, bytes(400))

    work(500)
    before = allocated()
    work(5000)  # a hundred thousand messages; a leak of their payloads would be as many blocks
    after = allocated()
    assert after.blocks - before.blocks < 1000
    assert after.heap_bytes - before.heap_bytes < 256 * 1024
