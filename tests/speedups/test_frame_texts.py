"""The framer reads text as Python's own decoder does, RFC 6455 8.1 and RFC 3629, and ends at the first byte that is no
part of any: 1007. The loops under it are for test_utf8.py.
"""

from __future__ import annotations

import pytest

from revurb._speedups.frames import BINARY, PING, TEXT, FrameReader
from tests.speedups.reading import assert_reads, read
from tests.speedups.wire_bytes import client_frame


def test_valid_text_of_all_widths_in_every_chunking() -> None:
    text = "aé漢😀\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode()
    assert_reads(client_frame(TEXT, text), [(TEXT, text)])
    for cut in range(len(text)):
        data = client_frame(TEXT, text[:cut], fin=False) + client_frame(0, text[cut:])
        assert read([data]) == ([(TEXT, text)], None)


def accepted(data: bytes, head: bytes) -> int:
    """How many bytes of `data` the framer takes as part of an unfinished text before it fails."""
    reader = FrameReader(1 << 10)
    reader.feed(head)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
        if reader.failure is not None:
            assert reader.failure[0] == 1007
            return at
    return len(data)


# An unmasking key of zero, so that the payload is on the wire as it is; fin=False, and longer than what is sent.
UNFINISHED = client_frame(TEXT, fin=False, key=b"\0\0\0\0", length=100)


def decodable(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def begins_a_text(data: bytes) -> bool:
    """Whether some text begins with `data`: it is valid, or becomes so with up to three continuation bytes.

    Of each lead byte's continuations one of these is allowed: 0x80, 0x90 and 0xA0 between them are in every range.
    """
    return any(
        decodable(data + tail)
        for tail in (
            b"",
            b"\x80",
            b"\x80\x80",
            b"\xa0\x80",
            b"\x80\x80\x80",
            b"\x90\x80\x80",
        )
    )


def agrees(data: bytes) -> None:
    expected = next((at for at in range(len(data)) if not begins_a_text(data[: at + 1])), len(data))
    assert accepted(data, UNFINISHED) == expected, data
    whole = read([client_frame(TEXT, data, key=b"\0\0\0\0")])
    assert (
        whole == ([(TEXT, data)], None) if decodable(data) else whole[1] is not None and whole[1][0] == 1007
    )


def test_every_one_and_two_byte_text_as_python_decodes_it() -> None:
    for first in range(256):
        agrees(bytes([first]))
        for second in range(256):
            agrees(bytes([first, second]))


INTERESTING = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF)


def test_three_byte_texts_as_python_decodes_them() -> None:
    """Every first and second byte; of the third those where a table could be wrong."""
    for first in range(0xC0, 256):
        for second in range(256):
            for third in INTERESTING:
                agrees(bytes([first, second, third]))


def test_four_byte_texts_as_python_decodes_them() -> None:
    for first in range(0xEE, 256):
        for second in (*INTERESTING, 0x81, 0xAF, 0xB0):
            for third in INTERESTING:
                for fourth in INTERESTING:
                    agrees(bytes([first, second, third, fourth]))


@pytest.mark.parametrize("at", [*range(20), 63, 64, 65, 99])
@pytest.mark.parametrize("bad", [b"\xff", b"\xc0", b"\x80", b"\xed\xa0\x80"])
def test_a_bad_byte_among_ascii_at_any_alignment(at: int, bad: bytes) -> None:
    text = b"a" * at + bad + b"a" * (100 - at)
    frame = client_frame(TEXT, text)
    for offset in range(8):
        backing = bytes(offset) + frame
        assert read([b"".join([memoryview(backing)[offset:]])])[1] == (1007, "Text is not valid UTF-8")
        reader = FrameReader(1000)
        assert reader.feed(memoryview(backing)[offset:]) == []
        assert reader.failure is not None


def test_text_that_ends_inside_a_character() -> None:
    assert_reads(client_frame(TEXT, b"caf\xc3"), [], 1007)
    assert_reads(client_frame(TEXT, b"caf\xc3", fin=False) + client_frame(0, b""), [], 1007)


def test_a_character_cut_by_a_control_frame() -> None:
    data = client_frame(TEXT, b"\xc3", fin=False) + client_frame(PING, b"\xff") + client_frame(0, b"\xa9")
    assert_reads(data, [(PING, b"\xff"), (TEXT, b"\xc3\xa9")])


def test_bad_text_fails_inside_an_unfinished_frame() -> None:
    data = client_frame(TEXT, b"ab\xff", length=1000)
    assert read([data[:-1]]) == ([], None)
    assert read([data]) == ([], (1007, "Text is not valid UTF-8"))


def test_the_state_of_one_text_does_not_reach_the_next() -> None:
    data = client_frame(BINARY, b"\xc3", fin=False) + client_frame(0, b"\xff") + client_frame(TEXT, b"ok")
    assert_reads(data, [(BINARY, b"\xc3\xff"), (TEXT, b"ok")])
