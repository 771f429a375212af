"""What is no message of RFC 7692, and what is too large."""

from __future__ import annotations

import os
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb.wire.deflate import (
    InflateError,
    MessageInflater,
    WindowInflater,
)
from tests.wire.test_deflate import LONG, TAIL, deflated


def failure(inflater: MessageInflater | WindowInflater, sent: bytes, limit: int = 1000) -> int:
    with pytest.raises(InflateError) as caught:
        inflater.inflate(sent, limit)
    assert caught.value.reason
    return caught.value.code


@pytest.mark.parametrize("inflater", [MessageInflater(), WindowInflater(15)])
@pytest.mark.parametrize("sent", [b"\xff" * 10, b"\x06", b"\x01\x05\x00\xfa\xfeHello"])
def test_what_is_no_deflate(inflater: MessageInflater | WindowInflater, sent: bytes) -> None:
    assert failure(inflater, sent) == 1007


@pytest.mark.parametrize("level", [0, 1, 9], ids=["stored", "fixed", "dynamic"])
def test_a_message_that_is_cut_off(level: int) -> None:
    stream = zlib.compressobj(level, wbits=-15)
    whole = (stream.compress(LONG) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
    for end in range(1 + whole.startswith(b"\0"), len(whole)):  # one zero byte is an empty message
        for inflater in (MessageInflater(), WindowInflater(15)):
            assert failure(inflater, whole[:end], 10_000) == 1007


@pytest.mark.parametrize(
    "sent",
    [
        "0064009bff" + "61" * 10,  # ten bytes of a block of a hundred
        "00040 0fbff",  # all of a block is missing, and the tail would fit
        "01040 0fbff",  # the same as a last block
        "000300fcff" + "6161",
        "f348cdc9c90700",  # a last block, and no header of an empty one behind it
        "f248cdc9c907000000ffff",  # the tail has been left on
        "00" + "0000ffff",
        "",
    ],
)
def test_both_judge_alike_and_the_next_message_is_whole(sent: str) -> None:
    for inflater in (MessageInflater(), WindowInflater(15)):
        if sent:
            assert failure(inflater, bytes.fromhex(sent.replace(" ", ""))) == 1007
        assert inflater.inflate(bytes.fromhex("f248cdc9c90700"), 100) == b"Hello"


@settings(max_examples=200)
@given(st.binary(max_size=60), st.integers(0, 40), st.integers(0, 9))
def test_what_one_refuses_the_other_does_not_take(data: bytes, cut: int, level: int) -> None:
    """Without a window before it, a message is the same for both; and none spoils the next one."""
    stream = zlib.compressobj(level, wbits=-15)
    sent = (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)[: cut or None]
    outcomes = []
    for inflater in (MessageInflater(), WindowInflater(15)):
        try:
            outcomes.append(inflater.inflate(sent, 1000))
        except InflateError as error:
            outcomes.append(str(error.code).encode())
        else:
            assert inflater.inflate(bytes.fromhex("f248cdc9c90700"), 5) == b"Hello"
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("size", [0, 1, 5, 1000, 32768, 100_000])
def test_the_limit_is_exact(size: int) -> None:
    for message in (bytes(size), os.urandom(size)):
        sent = deflated(message)
        assert MessageInflater().inflate(sent, size) == message
        assert WindowInflater(15).inflate(sent, size) == message
        if size:
            assert failure(MessageInflater(), sent, size - 1) == 1009
            assert failure(WindowInflater(15), sent, size - 1) == 1009


@pytest.mark.parametrize("inflater", [MessageInflater(), WindowInflater(15)])
def test_a_bomb_is_not_inflated(inflater: MessageInflater | WindowInflater) -> None:
    bomb = deflated(bytes(50_000_000))
    tracemalloc.start()
    try:
        assert failure(inflater, bomb, 10_000) == 1009
        assert tracemalloc.get_traced_memory()[1] < 2 * len(bomb) + 200_000
    finally:
        tracemalloc.stop()


def test_a_swarm_of_last_blocks_is_refused() -> None:
    """Each of them takes an inflater of its own: 16 are more than any sender makes of a message."""
    last = zlib.compressobj(wbits=-15)
    block = last.compress(b"x") + last.flush()
    for inflater in (MessageInflater(), WindowInflater(15)):
        assert inflater.inflate(block * 10 + b"\x00", 1000) == b"x" * 10
        assert failure(inflater, block * 10_000 + b"\x00", 100_000) == 1007
