"""Section 6 of the Autobahn suite as our own cases: what is UTF-8 comes back, what is not ends at its first byte."""

from __future__ import annotations

import pytest

from tests.conformance.peer import (
    CONTINUATION,
    INVALID_PAYLOAD,
    PING,
    PONG,
    TEXT,
    Peer,
    chops,
    fragments,
    frame,
    xor,
)
from tests.conformance.utf8_cases import INVALID, VALID, first_wrong

GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
MIXED = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!".encode()
EDITED = b"edited"


def named(sequences: dict[str, list[bytes]]) -> list[object]:
    return [
        pytest.param(text, id=f"{section} {number}")
        for section, texts in sequences.items()
        for number, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b""], id="6.1.1"),
        pytest.param([b"", b"", b""], id="6.1.2"),
        pytest.param([b"", b"middle frame payload", b""], id="6.1.3"),
        pytest.param([MIXED], id="6.2.1"),
        pytest.param([MIXED[:12], MIXED[12:]], id="6.2.2"),
        pytest.param(chops(MIXED, 1), id="6.2.3"),
        pytest.param(chops(GREEK, 1), id="6.2.4"),
    ],
)
def test_text_in_fragments(parts: list[bytes], echo_port: int) -> None:
    pieces = fragments(TEXT, parts)
    for way in (pieces, [b"".join(pieces)], chops(b"".join(pieces), 1)):
        with Peer(echo_port) as peer:
            peer.send(way)
            peer.expect([(TEXT, b"".join(parts))])
            peer.close_cleanly()


@pytest.mark.parametrize("text", named(VALID))
def test_valid_text(text: bytes, echo_port: int) -> None:
    with Peer(echo_port) as peer:
        for pieces in ([frame(TEXT, text)], chops(frame(TEXT, text), 1), fragments(TEXT, chops(text, 1))):
            peer.send(pieces)
            peer.expect([(TEXT, text)])
        peer.close_cleanly()


@pytest.mark.parametrize("text", named(INVALID))
def test_invalid_text(text: bytes, echo_port: int) -> None:
    for pieces in ([frame(TEXT, text)], chops(frame(TEXT, text), 1), fragments(TEXT, chops(text, 1))):
        with Peer(echo_port) as peer:
            peer.send(pieces)
            peer.send([frame(PING)])
            peer.expect_end(INVALID_PAYLOAD)


# 6.3.1, 6.3.2, 6.4.1 to 6.4.4: text with a surrogate, and text above U+10FFFF, in the middle.
STOPPED = [GREEK + bad + EDITED for bad in (b"\xed\xa0\x80", b"\xf4\x90\x80\x80")]
REFUSED = [*STOPPED, *(GREEK + text + EDITED for texts in INVALID.values() for text in texts)]


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_fails_at_the_first_wrong_byte_of_a_frame(text: bytes, echo_port: int) -> None:
    """6.4.3, 6.4.4: inside one unfinished frame. Up to the wrong byte all is well, and with it all is over."""
    at = first_wrong(text)
    data = frame(TEXT, text)
    head = len(data) - len(text)
    with Peer(echo_port) as peer:
        peer.send([frame(PING, b"before"), data[: head + at]])
        peer.expect([(PONG, b"before")])
        peer.send([data[head + at : head + at + 1]])
        peer.expect_end(INVALID_PAYLOAD)


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_fails_at_the_first_wrong_fragment(text: bytes, echo_port: int) -> None:
    """6.4.1, 6.4.2: the last fragment is never sent. A ping in between shows that the first was accepted."""
    at = first_wrong(text)
    with Peer(echo_port) as peer:
        peer.send([frame(TEXT, text[:at], fin=False)])
        assert peer.silent()
        peer.send([frame(CONTINUATION, text[at : at + 1], fin=False)])
        peer.expect_end(INVALID_PAYLOAD)


def test_text_that_ends_inside_a_character(echo_port: int) -> None:
    """6.6, 6.14: what could still go on is wrong only when the message ends."""
    for cut in (1, 3, 4, 6, 8, 10):
        with Peer(echo_port) as peer:
            peer.send([frame(TEXT, GREEK[:cut], fin=False)])
            assert peer.silent()
            peer.send([frame(CONTINUATION)])
            peer.expect_end(INVALID_PAYLOAD)


def test_the_client_masks_as_the_rfc_does() -> None:
    assert xor(b"Hello") == b"\x7f\x9f\x4d\x51\x58"  # RFC 6455 5.7
