"""The order of input that waits."""

from __future__ import annotations

from revurb.transport.held_input import HeldInput
from revurb.transport.intake import SLICE_BYTES


def test_bytes_come_in_slices_and_in_order() -> None:
    data = bytes(range(256)) * 80
    held = HeldInput(data[:9000])
    first = held.take_slice()
    held.append(data[9000:])
    taken = [first]
    while not held.is_empty:
        taken.append(held.take_slice())
    assert b"".join(taken) == data
    assert {len(piece) for piece in taken[:-1]} == {SLICE_BYTES}


def test_messages_are_taken_once() -> None:
    held = HeldInput(messages=[(1, b"a")])
    assert [(held.is_empty, held.take_messages()) for _ in range(2)] == [(False, [(1, b"a")]), (True, ())]
