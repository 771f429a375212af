"""Outboxes with a packer: one event is packed once for all that share one, and the frame is one object."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from revurb._speedups.fanout import Fanout, Outbox, deliver

FRAME = b"\x81\x05hello"


class Box(Outbox):
    """Everything goes through its transport, which is a list of the very objects that it was given."""

    def __init__(self, fanout: Fanout, pack: Any = None) -> None:
        self.attach(fanout, -1, pack)
        self.sent: list[Any] = []

    def write_to_transport(self, frames: list[Any], /) -> None:
        self.sent += frames


class Packer:
    """Makes another object of each frame, and keeps count."""

    def __init__(self, name: bytes = b"packed") -> None:
        self.name = name
        self.asked: list[bytes] = []

    def __call__(self, frame: bytes) -> bytes:
        self.asked.append(frame)
        return b"%s %d " % (self.name, len(self.asked)) + frame


@pytest.fixture
def fanout() -> Fanout:
    return Fanout(lambda: None)


def test_it_is_packed_once_and_the_frame_is_shared(fanout: Fanout) -> None:
    packer = Packer()
    packed = [Box(fanout, packer) for _ in range(100)]
    plain = [Box(fanout) for _ in range(100)]
    mixed = [box for pair in zip(packed, plain, strict=True) for box in pair]
    assert deliver(dict.fromkeys(mixed), FRAME) == 200
    fanout.flush(1.0)
    assert packer.asked == [FRAME]
    assert packer.asked[0] is FRAME
    assert all(len(box.sent) == 1 for box in mixed)
    assert all(box.sent[0] is FRAME for box in plain)
    assert all(box.sent[0] is packed[0].sent[0] for box in packed)
    assert packed[0].sent[0] == b"packed 1 " + FRAME


def test_nothing_is_packed_for_nobody(fanout: Fanout) -> None:
    packer = Packer()
    packing, other = Box(fanout, packer), Box(fanout)
    assert deliver({packing: None, other: None}, FRAME, packing) == 1
    assert deliver({other: None}, FRAME) == 1
    fanout.flush(1.0)
    assert packer.asked == packing.sent == []


def test_each_packer_is_asked_for_its_own(fanout: Fanout) -> None:
    packers = [Packer(b"a"), Packer(b"b")]
    boxes = [Box(fanout, packers[at % 2]) for at in range(6)]
    deliver(dict.fromkeys(boxes), FRAME)
    fanout.flush(1.0)
    assert [box.sent for box in boxes] == [[b"a 1 " + FRAME], [b"b 1 " + FRAME]] * 3
    assert [len(packer.asked) for packer in packers] == [1, 1]


def test_what_is_said_to_one_is_packed_too_and_in_order(fanout: Fanout) -> None:
    packer = Packer()
    box = Box(fanout, packer)
    box.send(b"1")
    deliver({box: None}, b"2")
    box.send(b"3")
    fanout.flush(1.0)
    assert box.sent == [b"packed 1 1", b"packed 2 2", b"packed 3 3"]


def test_a_packer_may_leave_a_frame_as_it_is(fanout: Fanout) -> None:
    box = Box(fanout, lambda frame: frame)
    deliver({box: None}, FRAME)
    box.send(FRAME)
    fanout.flush(1.0)
    assert all(frame is FRAME for frame in box.sent)
    assert len(box.sent) == 2


def test_nothing_is_packed_for_what_takes_nothing_more(fanout: Fanout) -> None:
    packer = Packer()
    shut, gone = Box(fanout, packer), Box(fanout, packer)
    shut.shut()
    gone.detach()
    assert deliver({shut: None, gone: None}, FRAME) == 2
    shut.send(FRAME)
    gone.send(FRAME)
    fanout.flush(1.0)
    assert packer.asked == shut.sent == gone.sent == []


def test_a_packer_that_empties_the_subscribers_harms_nothing(fanout: Fanout) -> None:
    def pack(frame: bytes) -> bytes:
        subscribers.clear()
        for box in boxes:
            box.detach()
        gc.collect()
        return frame

    boxes = [Box(fanout, pack) for _ in range(3)]
    subscribers = dict.fromkeys(boxes)
    assert deliver(subscribers, FRAME) == 3
    fanout.flush(1.0)
    assert [box.sent for box in boxes] == [[], [], []]


def test_a_packer_that_fails_or_makes_no_bytes(fanout: Fanout) -> None:
    def fail(frame: bytes) -> bytes:
        raise RuntimeError("no")

    box = Box(fanout, fail)
    with pytest.raises(RuntimeError):
        deliver({box: None}, FRAME)
    with pytest.raises(RuntimeError):
        box.send(FRAME)
    wrong = Box(fanout, lambda frame: None)
    with pytest.raises(TypeError):
        deliver({wrong: None}, FRAME)
    with pytest.raises(TypeError):
        wrong.send(FRAME)
    fanout.flush(1.0)
    assert box.sent == wrong.sent == []


def test_a_detached_outbox_lets_its_packer_go(fanout: Fanout) -> None:
    packer = Packer()
    dead = weakref.ref(packer)
    box = Box(fanout, packer)
    del packer
    gc.collect()
    assert dead() is not None
    box.detach()
    gc.collect()
    assert dead() is None
