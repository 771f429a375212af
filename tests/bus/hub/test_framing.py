"""Messages on a stream, whatever chunks it comes in."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.framing import MAX_MESSAGE_BYTES, FramingError, MessageSplitter, encode_frame


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_messages_are_cut_out_of_any_chunks(chunk: int) -> None:
    messages: list[m.FromWorker] = [m.Unsubscribe("app1", f"c{number}") for number in range(5)]
    stream = b"".join(map(encode_frame, messages))
    splitter = MessageSplitter()
    bodies = [body for at in range(0, len(stream), chunk) for body in splitter.feed(stream[at : at + chunk])]
    assert [m.read_from_worker(body) for body in bodies] == messages


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_framing_takes_any_bytes_in_any_chunks(data: bytes, cut: int) -> None:
    unpacker = MessageSplitter()
    try:
        unpacker.feed(data[:cut])
        unpacker.feed(data[cut:])
    except FramingError:
        pass


@pytest.mark.parametrize("length", [0, MAX_MESSAGE_BYTES + 1, 2**32 - 1])
def test_a_length_that_is_not_to_be_ends_the_connection(length: int) -> None:
    with pytest.raises(FramingError):
        MessageSplitter().feed(struct.pack(">IB", length, m.VERSION))


def test_another_version_is_skipped_and_counted() -> None:
    unpacker = MessageSplitter()
    beat = encode_frame(m.HeartbeatRequest())
    other = beat[:4] + bytes([m.VERSION + 1]) + beat[5:]
    assert unpacker.feed(other + beat) == [beat[5:]]
    assert unpacker.other_versions == 1


def test_a_large_message_in_many_chunks_is_joined_once() -> None:
    """A quadratic reader copies the first bytes of 32 MB with each of 8,000 chunks: 130 GB, a minute."""
    stream = encode_frame(m.SurveyReply(1, b"x" * (32 * 1024 * 1024))) + encode_frame(m.HeartbeatRequest())
    splitter, chunk = MessageSplitter(), 4096
    bodies: list[bytes] = []
    for at in range(0, len(stream), chunk):
        bodies += splitter.feed(stream[at : at + chunk])
    assert [len(body) for body in bodies] == [len(m.encode(m.SurveyReply(1, b"x" * (32 * 1024 * 1024)))), 2]


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_any_cuts_give_the_same_messages(cuts: list[int]) -> None:
    messages = [encode_frame(m.StartSurvey(number, b"x" * number * 7)) for number in range(6)]
    stream, splitter = b"".join(messages), MessageSplitter()
    ends = [*sorted(cuts), len(stream)]
    bodies: list[bytes] = []
    start = 0
    for end in ends:
        bodies += splitter.feed(stream[start:end])
        start = max(start, end)
    assert bodies == [message[5:] for message in messages]
