"""permessage-deflate: what peers compress is read within its limits, however it is cut, or ends the connection; what
is offered in a header is agreed to, passed over, or refused as documented.

The first byte of the input chooses the mode; the rest is a stream of frames, and the text of an offer.
"""

from __future__ import annotations

from revurb._speedups.frames import BINARY, TEXT
from revurb.wire.deflate import NAME, Compression
from revurb.wire.extensions import Extension, read_extensions
from revurb.wire.websocket import Phase, WebSocket
from tests.fuzz.cutting import split

MAX_MESSAGE_BYTES = 1000
OFFER = [Extension(NAME, (("client_max_window_bits", None),))]


def talk(pieces: list[bytes], compression: Compression) -> tuple[list[tuple[int, bytes]], bytes, int | None]:
    agreement = compression.negotiate(OFFER)
    assert agreement is not None
    ws = WebSocket(max_message_bytes=MAX_MESSAGE_BYTES, inflater=agreement.inflater)
    received: list[tuple[int, bytes]] = []
    said = b""
    for piece in pieces:
        received += ws.receive(piece)
        said += ws.take_outgoing()
    for opcode, payload in received:
        if opcode in (TEXT, BINARY):
            assert len(payload) <= MAX_MESSAGE_BYTES
        if opcode == TEXT:
            payload.decode()
    assert (ws.close_code is None) == (ws.phase is Phase.OPEN)
    return received, said, ws.close_code


def check_offer(text: str) -> None:
    try:
        offers = read_extensions(text)
    except ValueError:
        return
    for compression in (Compression("shared"), Compression("dedicated")):
        agreement = compression.negotiate(offers)
        if agreement is not None:
            (answer,) = read_extensions(agreement.answer)
            assert answer.name == NAME


def check(data: bytes) -> None:
    mode = data[0] if data else 0
    stream, pieces = split(data[1:])
    outcome = talk([stream], Compression("dedicated" if mode & 1 else "shared"))
    assert talk(pieces, Compression("dedicated" if mode & 1 else "shared")) == outcome
    check_offer(stream.decode("latin-1"))
