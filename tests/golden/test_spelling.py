"""What the captures describe in words becomes the bytes that were sent."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.golden import capture
from tests.golden.spelling import frame_bytes, request_bytes


def unmasked(raw: bytes) -> bytes:
    length = raw[1] & 0x7F
    start = {126: 4, 127: 10}.get(length, 2)
    key = raw[start : start + 4]
    return bytes(byte ^ key[i & 3] for i, byte in enumerate(raw[start + 4 :]))


@pytest.mark.parametrize(
    ("opcode", "text", "payload"),
    [
        ("text", "hex:fffe", b"\xff\xfe"),
        ("text", '{"ev   (fin=0)', b'{"ev'),
        ("close", "code=1000 reason=b'\\xff'", b"\x03\xe8\xff"),
        ("close", "", b""),
        ("close", "\x03", b"\x03"),
        ("ping", "3 x p", b"ppp"),
        ("text", "[[[...5 levels...]]]", b"[[[[[]]]]]"),
        ("3", "x", b"x"),
    ],
)
def test_payloads(opcode: str, text: str, payload: bytes) -> None:
    assert unmasked(frame_bytes(opcode, text)) == payload


def test_sizes_in_words() -> None:
    assert len(unmasked(frame_bytes("text", "(a pusher:ping message of exactly 10000 bytes)"))) == 10000
    assert len(unmasked(frame_bytes("text", "(101 bytes)"))) == 101


def test_header_bits() -> None:
    assert frame_bytes("text", "x   (fin=0)")[0] == 0x01
    assert frame_bytes("text", "x   (rsv=4)")[0] == 0xC1
    assert frame_bytes("text", "x   (unmasked)") == b"\x81\x01x"
    assert frame_bytes("11", "x")[0] == 0x8B


def requests() -> list[capture.Exchange]:
    return [each for name in capture.NAMES for each in capture.load(name) if each.kind == "request"]


def test_the_bodies_are_those_that_were_hashed() -> None:
    meant_to_differ = ("body_md5", "another body", "chunk", "EXTRA", "more bytes", "fewer bytes", "withheld")
    for exchange in requests():
        head, _, body = request_bytes(exchange.text).partition(b"\r\n\r\n")
        md5 = re.search(rb"body_md5=(\w+)", head)
        if md5 is not None and not any(words in exchange.label for words in meant_to_differ):
            assert hashlib.md5(body, usedforsecurity=False).hexdigest().encode() == md5[1], exchange.label


def test_what_was_cut_short_has_its_length_again() -> None:
    for exchange in requests():
        total = re.search(r"\[(\d+) bytes in all\]$", exchange.text)
        if total is not None:
            finished = "unfinished" not in exchange.label
            assert len(request_bytes(exchange.text, finished=finished)) == int(total[1])
