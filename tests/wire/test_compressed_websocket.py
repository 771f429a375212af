"""Compressed messages through the connection as a state machine, alone and against wsproto (RFC 7692)."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, Opcode

from revurb._speedups.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, server_frame
from revurb.wire.close import encode_close
from revurb.wire.deflate import Compression, MessageInflater, NegotiatedCompression
from revurb.wire.extensions import read_extensions
from revurb.wire.websocket import Phase, WebSocket
from tests.speedups.wire_bytes import client_frame, every_split

RSV1 = 4


def new(limit: int = 1000) -> WebSocket:
    return WebSocket(max_message_bytes=limit, inflater=MessageInflater())


def deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_messages_come_out_inflated_and_in_order() -> None:
    data = (
        client_frame(TEXT, deflated("größer".encode()), rsv=RSV1)
        + client_frame(PING, b"p")
        + client_frame(TEXT, b"plain")
        + client_frame(BINARY, deflated(b"\xff\xfe"), rsv=RSV1)
    )
    for pieces in every_split(data):
        socket = new()
        assert [message for piece in pieces for message in socket.receive(piece)] == [
            (TEXT, "größer".encode()),
            (PING, b"p"),
            (TEXT, b"plain"),
            (BINARY, b"\xff\xfe"),
        ]
        assert socket.phase is Phase.OPEN


def test_a_character_may_be_cut_where_the_text_is_not() -> None:
    sent = deflated("é😀".encode())
    for at in range(len(sent)):
        parts = client_frame(TEXT, sent[:at], rsv=RSV1, fin=False) + client_frame(CONTINUATION, sent[at:])
        assert new().receive(parts) == [(TEXT, "é😀".encode())]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (deflated(b"\xff"), 1007),
        (deflated("é".encode()[:1]), 1007),
        (deflated(b"\xed\xa0\x80"), 1007),
        (b"\xff\xff\xff", 1007),
        (deflated(b"text")[:-2], 1007),
        (deflated(b"a" * 1001), 1009),
        (deflated(bytes(10_000_000))[:900], 1009),
    ],
)
def test_what_came_before_is_reported_and_answered_and_nothing_behind(sent: bytes, code: int) -> None:
    socket = new()
    data = client_frame(TEXT, b"1") + client_frame(PING, b"p") + client_frame(TEXT, sent, rsv=RSV1)
    behind = client_frame(PING, b"q") + client_frame(TEXT, b"2") + client_frame(CLOSE)
    assert socket.receive(data + behind) == [(TEXT, b"1"), (PING, b"p")]
    assert (socket.phase, socket.close_code) == (Phase.CLOSED, code)
    assert socket.take_outgoing() == server_frame(PONG, b"p") + server_frame(
        CLOSE, encode_close(code, socket.close_reason)
    )
    assert socket.receive(behind) == []


def test_bad_binary_is_no_bad_text() -> None:
    assert new().receive(client_frame(BINARY, deflated(b"\xff"), rsv=RSV1)) == [(BINARY, b"\xff")]


def test_nothing_is_inflated_while_closing() -> None:
    socket = new()
    socket.close(1000)
    assert socket.receive(client_frame(TEXT, b"\xff\xff", rsv=RSV1) + client_frame(CLOSE)) == []
    assert (socket.phase, socket.close_code) == (Phase.CLOSED, 1000)


# wsproto as the other side


class Peer:
    """A client of wsproto's that has made the same agreement."""

    def __init__(self, agreement: NegotiatedCompression, offer: str) -> None:
        extension = PerMessageDeflate()
        for name, value in read_extensions(offer)[0].parameters:
            setattr(extension, name, int(value) if value else True)
        extension.finalize(agreement.answer)
        self.protocol = FrameProtocol(client=True, extensions=[extension])

    def send(self, opcode: int, parts: list[bytes]) -> bytes:
        payload = [part.decode() if opcode == TEXT else part for part in parts]
        return b"".join(
            self.protocol.send_data(part, fin=at == len(parts) - 1) for at, part in enumerate(payload)
        )

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        self.protocol.receive_bytes(data)
        whole: list[tuple[int, bytes]] = []
        parts: list[bytes] = []
        for frame in self.protocol.received_frames():
            assert frame.opcode in (Opcode.TEXT, Opcode.BINARY)
            payload = frame.payload.encode() if isinstance(frame.payload, str) else frame.payload
            assert isinstance(payload, bytes | bytearray)
            parts.append(bytes(payload))
            if frame.message_finished:
                whole.append((int(frame.opcode), b"".join(parts)))
                parts = []
        return whole


# wsproto's own compressor wants 9 bits as well, and its agreement with 15 where nothing was said.
OFFERS = st.builds(
    "; ".join,
    st.tuples(
        st.just("permessage-deflate"),
        *(
            st.sampled_from(("", name))
            for name in ("server_no_context_takeover", "client_no_context_takeover")
        ),
        st.one_of(st.just(""), st.integers(9, 15).map("server_max_window_bits={}".format)),
        st.one_of(st.just(""), st.integers(9, 15).map("client_max_window_bits={}".format)),
    ).map(lambda parts: [part for part in parts if part]),
)
TEXTS = st.one_of(st.text(max_size=40), st.text(alphabet="abé", max_size=10).map(lambda text: text * 300))
BINARIES = st.one_of(st.binary(max_size=200), st.binary(max_size=20).map(lambda data: data * 400))
MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.lists(TEXTS.map(str.encode), min_size=1, max_size=3)),
        st.tuples(st.just(BINARY), st.lists(BINARIES, min_size=1, max_size=3)),
    ),
    max_size=5,
)
CUTS = st.lists(st.integers(0, 1 << 16), max_size=10)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    points = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in pairwise(points)]


@given(st.sampled_from(("shared", "dedicated")), OFFERS, MESSAGES, CUTS)
@settings(max_examples=400, deadline=None)
def test_both_ways_against_wsproto(
    mode: str, offer: str, messages: list[tuple[int, list[bytes]]], cuts: list[int]
) -> None:
    agreement = Compression(mode, 1).negotiate(read_extensions(offer))  # type: ignore[arg-type]
    assert agreement is not None
    peer = Peer(agreement, offer)
    socket = WebSocket(max_message_bytes=1 << 20, inflater=agreement.inflater)
    expected = [(opcode, b"".join(parts)) for opcode, parts in messages]
    sent = b"".join(peer.send(opcode, parts) for opcode, parts in messages)
    assert [message for piece in cut(sent, cuts) for message in socket.receive(piece)] == expected
    assert socket.phase is Phase.OPEN
    packed = [agreement.pack(server_frame(opcode, payload)) for opcode, payload in expected]
    assert [message for frame in packed for message in peer.receive(frame)] == expected


@given(st.sampled_from(("shared", "dedicated")), st.binary(max_size=200), CUTS)
@settings(max_examples=400, deadline=None)
def test_garbage_ends_the_same_in_any_chunking(mode: str, payload: bytes, cuts: list[int]) -> None:
    outcomes = []
    data = client_frame(BINARY, payload, rsv=RSV1)
    for pieces in ([data], cut(data, cuts), [data[at : at + 1] for at in range(len(data))]):
        agreement = Compression(mode).negotiate(read_extensions("permessage-deflate"))  # type: ignore[arg-type]
        assert agreement is not None
        socket = WebSocket(max_message_bytes=500, inflater=agreement.inflater)
        received = [message for piece in pieces for message in socket.receive(piece)]
        assert all(len(message) <= 500 for _, message in received)
        outcomes.append((received, socket.close_code, socket.close_reason))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0][1] in (None, 1007, 1009)
