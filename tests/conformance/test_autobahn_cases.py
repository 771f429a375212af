"""Sections 1 to 5, 7 and 10 of the Autobahn suite as our own cases, each in every way its bytes can be sent.

Stricter than the suite: what came before a violation must be answered, what comes behind it must not, the Close
carries the exact code, and the server ends the stream itself without a reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.conformance.peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_PAYLOAD,
    NORMAL,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    Frame,
    Peer,
    chops,
    close,
    fragments,
    frame,
)

HELLO = b"Hello, world!"
OCTETS_UP_TO = 2_000  # bytes; more are not also sent one by one
# What comes behind a violation or a Close: none of it may be answered.
BEHIND = [frame(PING, b"late"), frame(TEXT, b"late"), close()]


class Case(NamedTuple):
    """Frames to send, frames to get, and the code of the Close that then comes; None: the server stays open."""

    name: str
    send: list[bytes]
    expect: list[Frame]
    end: int | None = None


def ways(send: list[bytes]) -> Iterable[tuple[str, list[bytes]]]:
    whole = b"".join(send)
    yield "at once", [whole]
    yield "frame by frame", send
    if len(whole) > OCTETS_UP_TO:
        yield "in chops of 997", chops(whole, 997)
    else:
        yield "octet by octet", chops(whole, 1)


def _sizes(section: str, opcode: int, byte: bytes) -> Iterable[Case]:
    for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
        payload = byte * size
        yield Case(f"{section}.{number} {size} bytes", [frame(opcode, payload)], [(opcode, payload)])


def _pings() -> Iterable[Case]:
    octets = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
    for name, payload in (("2.1", b""), ("2.2", HELLO), ("2.3", octets), ("2.4 2.6", b"\xfe" * 125)):
        yield Case(f"{name} ping", [frame(PING, payload)], [(PONG, payload)])
    yield Case("2.5 ping of 126 bytes", [frame(PING, b"\xfe" * 126)], [], PROTOCOL_ERROR)
    yield Case("2.7 unsolicited pong", [frame(PONG)], [])
    yield Case("2.8 unsolicited pong with payload", [frame(PONG, b"unsolicited")], [])
    both = [frame(PONG, b"unsolicited"), frame(PING, b"ping payload")]
    yield Case("2.9 unsolicited pong, ping", both, [(PONG, b"ping payload")])
    ten = [b"payload-%d" % number for number in range(10)]
    yield Case("2.10 2.11 ten pings", [frame(PING, one) for one in ten], [(PONG, one) for one in ten])


def _refused(name: str, bad: bytes) -> Case:
    """A good message in front is answered, the bad frame is refused, the ping behind it is not answered."""
    return Case(name, [frame(TEXT, HELLO), bad, frame(PING)], [(TEXT, HELLO)], PROTOCOL_ERROR)


def _reserved() -> Iterable[Case]:
    for rsv in range(1, 5):
        yield _refused(f"3.{rsv} text with rsv {rsv}", frame(TEXT, HELLO, rsv=rsv))
    yield _refused("3.5 binary with rsv 5", frame(BINARY, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", rsv=5))
    yield _refused("3.6 ping with rsv 6", frame(PING, HELLO, rsv=6))
    yield _refused("3.7 close with rsv 7", frame(CLOSE, b"\x03\xe8", rsv=7))
    for number, opcode in enumerate(range(3, 8), 1):
        yield _refused(f"4.1.{number} opcode {opcode}", frame(opcode))
        yield _refused(f"4.1.{number} opcode {opcode} with payload", frame(opcode, HELLO))
    for number, opcode in enumerate(range(11, 16), 1):
        yield _refused(f"4.2.{number} opcode {opcode}", frame(opcode))
        yield _refused(f"4.2.{number} opcode {opcode} with payload", frame(opcode, HELLO))


def _fragmented() -> Iterable[Case]:
    two = fragments(TEXT, (b"fragment1", b"fragment2"))
    whole = (TEXT, b"fragment1fragment2")
    stray = frame(CONTINUATION, b"non-continuation")
    stray_open = frame(CONTINUATION, b"non-continuation", fin=False)
    for number, opcode in ((1, PING), (2, PONG)):
        halves = fragments(opcode, (b"fragment1", b"fragment2"))
        yield Case(f"5.{number} control frame in fragments", halves, [], PROTOCOL_ERROR)
    yield Case("5.3 5.4 5.5 text in two", two, [whole])
    ping_between = [two[0], frame(PING, b"ping payload"), two[1]]
    yield Case("5.6 5.7 5.8 ping in between", ping_between, [(PONG, b"ping payload"), whole])
    for numbers, start in (("5.9 5.10 5.11", stray), ("5.12 5.13 5.14", stray_open)):
        yield Case(f"{numbers} nothing to continue", [start, frame(TEXT, HELLO)], [], PROTOCOL_ERROR)
    yield Case("5.15 nothing more to continue", [*two, stray_open, *two], [whole], PROTOCOL_ERROR)
    for number, start in ((16, stray_open), (17, stray)):
        yield Case(f"5.{number} nothing to continue, twice", [start, *two] * 2, [], PROTOCOL_ERROR)
    yield Case("5.18 text inside a text", [two[0], frame(TEXT, b"fragment2")], [], PROTOCOL_ERROR)
    yield Case("5.18 binary inside a text", [two[0], frame(BINARY, b"fragment2")], [], PROTOCOL_ERROR)
    five = fragments(TEXT, [b"fragment%d" % number for number in range(1, 6)])
    pinged = [*five[:2], frame(PING, b"pongme 1!"), *five[2:4], frame(PING, b"pongme 2!"), five[4]]
    answers = [
        (PONG, b"pongme 1!"),
        (PONG, b"pongme 2!"),
        (TEXT, b"fragment1fragment2fragment3fragment4fragment5"),
    ]
    yield Case("5.19 5.20 two pings in between", pinged, answers)


def _closes() -> Iterable[Case]:
    text = frame(TEXT, HELLO)
    yield Case("7.1.1 message, close", [text, close()], [(TEXT, HELLO)], NORMAL)
    yield Case("7.1.2 two closes", [close(), close()], [], NORMAL)
    yield Case("7.1.3 ping behind close", [close(), frame(PING)], [], NORMAL)
    yield Case("7.1.4 text behind close", [close(), text], [], NORMAL)
    begun, rest = fragments(TEXT, (b"fragment1", b"fragment2"))
    yield Case("7.1.5 close inside a message", [begun, close(), rest], [], NORMAL)
    big = (TEXT, b"BAsd7&jh23" * 26_214)
    yield Case(
        "7.1.6 256 kB, text, close, ping",
        [frame(*big), text, close(), frame(PING)],
        [big, (TEXT, HELLO)],
        NORMAL,
    )
    yield Case("7.3.1 close without a code", [close(None)], [], NORMAL)
    yield Case("7.3.2 one byte", [frame(CLOSE, b"a")], [], PROTOCOL_ERROR)
    yield Case("7.3.3 code only", [close(NORMAL)], [], NORMAL)
    yield Case("7.3.4 code and reason", [close(NORMAL, b"Hello World!")], [], NORMAL)
    yield Case("7.3.5 longest reason", [close(NORMAL, b"*" * 123)], [], NORMAL)
    yield Case("7.3.6 reason too long", [close(NORMAL, b"*" * 124)], [], PROTOCOL_ERROR)
    bad_reason = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"
    yield Case("7.5.1 reason not UTF-8", [close(NORMAL, bad_reason)], [], INVALID_PAYLOAD)
    allowed = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for number, code in enumerate(allowed, 1):
        yield Case(f"7.7.{number} code {code}", [close(code)], [], code)
    refused = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    for number, code in enumerate(refused, 1):
        yield Case(f"7.9.{number} code {code}", [close(code)], [], PROTOCOL_ERROR)
    for number, code in ((1, 5000), (2, 65535)):
        yield Case(f"7.13.{number} code {code}", [close(code)], [], PROTOCOL_ERROR)


CASES = [
    *_sizes("1.1", TEXT, b"*"),
    *_sizes("1.2", BINARY, b"\xfe"),
    *_pings(),
    *_reserved(),
    *_fragmented(),
    *_closes(),
    Case("10.1.1 fragments of 1,300", fragments(TEXT, chops(b"*" * 65536, 1300)), [(TEXT, b"*" * 65536)]),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, echo_port: int) -> None:
    for way, pieces in ways(case.send):
        with Peer(echo_port) as peer:
            peer.send(pieces)
            peer.expect(case.expect)
            if case.end is None:
                assert peer.silent(), way
                peer.close_cleanly()
            else:
                peer.send(BEHIND)
                peer.expect_end(case.end)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_reason_comes_back(code: int, echo_port: int) -> None:
    with Peer(echo_port) as peer:
        peer.send([close(code, b"a reason")])
        peer.expect_end(code, b"a reason")


def test_pongs_come_before_the_message_is_whole(echo_port: int) -> None:
    """5.19: a ping is answered at once, with the message around it still open."""
    first, second, third = fragments(TEXT, (b"a", b"b", b"c"))
    with Peer(echo_port) as peer:
        for part, payload in ((first, b"1"), (second, b"2")):
            peer.send([part, frame(PING, payload)])
            peer.expect([(PONG, payload)])
        peer.send([third])
        peer.expect([(TEXT, b"abc")])
        peer.close_cleanly()


def test_a_violation_ends_it_inside_the_header(echo_port: int) -> None:
    """Sections 3 and 4: the second byte decides, nothing behind it is waited for."""
    for head in (b"\xc1\xfe", b"\x83\x80", b"\x8f\xff", b"\x01\x05", b"\x89\xfe", b"\x09\x80"):
        with Peer(echo_port) as peer:
            peer.send([head])
            peer.expect_end(PROTOCOL_ERROR)
