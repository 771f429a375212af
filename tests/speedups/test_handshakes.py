"""Plain handshakes are answered by the kernel as they are with care, and what is not plain is left alone."""

from __future__ import annotations

import random

import pytest

from revurb._speedups.handshakes import cut_handshake
from tests.fuzz.targets.handshake import check_plain
from tests.hostile.test_http_heads import cases

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = [
    "Host: ws.example.com:8080",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
]
EXTENSIONS = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
BROWSER = [
    "User-Agent: Mozilla/5.0 (X11)",
    "Pragma: no-cache",
    "Origin: https://example.com",
    "Cookie: a=1; b=2",
]
MUTATIONS = 4000


def head(*fields: str, start: str = "GET /app/key1?protocol=7 HTTP/1.1") -> bytes:
    return "\r\n".join([start, *(fields or FIELDS), "", ""]).encode("latin-1")


def without(number: int, *others: str) -> bytes:
    return head(*FIELDS[:number], *FIELDS[number + 1 :], *others)


PLAIN = [
    head(),
    head(*reversed(FIELDS)),
    head(*BROWSER, *FIELDS),
    head(*FIELDS, EXTENSIONS),
    head(*FIELDS, "X-Twice: a", "X-Twice: b"),
    without(0, "host:"),
    without(1, "UPGRADE: WebSocket"),
    without(2, "Connection: keep-alive,\t Upgrade ,x"),
    without(3, "Sec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ \t"),
    without(3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="),
    head(start="GET / HTTP/1.1"),
    head(start="GET /app/%41?a?b HTTP/1.1"),
]
OTHERS = [
    b"",
    head()[:-1],
    head() + b"\x81\x80\0\0\0\0",
    *(without(number) for number in range(len(FIELDS))),
    *(head(*FIELDS, field) for field in FIELDS),
    head(start="POST /app/key1 HTTP/1.1"),
    head(start="GET /app/key1 HTTP/1.0"),
    head(start="GET /app/#key1 HTTP/1.1"),
    head(start="GET http://x/app/key1 HTTP/1.1"),
    head(*FIELDS, "Sec-WebSocket-Protocol: pusher-channels-protocol-7"),
    head(*FIELDS, "Content-Length: 0"),
    head(*FIELDS, "Transfer-Encoding: chunked"),
    head(*FIELDS, "Expect: 100-continue"),
    head(*FIELDS, "Origin: a", "Origin: b"),
    head(*FIELDS, "X: \x80"),
    head(*FIELDS, " folded"),
    head(*FIELDS, f"{'n' * 65}: 1"),
    without(0, "Host: a b"),
    without(1, "Upgrade: h2c"),
    without(2, "Connection: keep-alive"),
    without(2, "Connection: upgraded, x upgrade"),
    without(3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ=="),
    without(3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==="),
    without(4, "Sec-WebSocket-Version: 8"),
]


@pytest.mark.parametrize("data", PLAIN)
def test_plain_ones_are_answered_as_with_care(data: bytes) -> None:
    assert check_plain(data)


@pytest.mark.parametrize("data", OTHERS)
def test_what_is_not_plain(data: bytes) -> None:
    assert cut_handshake(data, False) is None


@pytest.mark.parametrize("size", range(len(PLAIN[0])))
def test_a_part_of_one(size: int) -> None:
    assert cut_handshake(PLAIN[0][:size], False) is None


def test_extensions_are_for_who_takes_none() -> None:
    assert cut_handshake(head(*FIELDS, EXTENSIONS), True) is None
    assert cut_handshake(head(*FIELDS), True) is not None


def test_the_verdict_on_nonsense_is_that_of_the_careful_way() -> None:
    """Bytes changed, removed and put in, in plain handshakes; and all that other tests send as requests."""
    dice = random.Random(6455)
    plain = sum(check_plain(data) for _, data in cases())
    for _ in range(MUTATIONS):
        data = bytearray(dice.choice(PLAIN))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            data[at : at + dice.randint(0, 2)] = bytes(
                dice.choices(b"\0\t\r\n ,:=/?#aZ9-\x7f\xff", k=dice.randint(0, 2))
            )
        plain += check_plain(bytes(data))
    assert plain > MUTATIONS / 20  # or nothing was compared
