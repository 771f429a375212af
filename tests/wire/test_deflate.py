"""permessage-deflate: what is agreed to, what a message becomes, what is refused (RFC 7692)."""

from __future__ import annotations

import os
import zlib
from typing import Literal

import pytest

from revurb._speedups.frames import BINARY, CLOSE, COMPRESSED, PING, TEXT, server_frame
from revurb.wire.deflate import (
    Compression,
    InflateError,
    MessageInflater,
    NegotiatedCompression,
    WindowInflater,
)
from revurb.wire.extensions import read_extensions

LONG = b'{"event":"order","data":"' + b"0123456789" * 200 + b'"}'
TAIL = b"\x00\x00\xff\xff"


def agreed(
    offers: str, mode: Literal["shared", "dedicated"] = "shared", size: int = 1
) -> NegotiatedCompression | None:
    return Compression(mode, size).negotiate(read_extensions(offers))


def answer(offers: str, mode: Literal["shared", "dedicated"]) -> str | None:
    agreement = agreed(offers, mode)
    return None if agreement is None else agreement.answer


def deflated(data: bytes, bits: int = 15) -> bytes:
    stream = zlib.compressobj(wbits=-bits)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def payload(frame: bytes) -> bytes:
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


# The agreement (RFC 7692 5.1, 7.1)

FORGETFUL = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offers", "shared", "dedicated"),
    [
        ("permessage-deflate", FORGETFUL, "permessage-deflate; server_max_window_bits=12"),
        (
            "permessage-deflate; client_max_window_bits",  # browsers, and the ws package
            FORGETFUL,
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            "permessage-deflate; client_max_window_bits=8; server_max_window_bits=9",
            f"{FORGETFUL}; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
        ),
        (
            'permessage-deflate; client_max_window_bits="15"; server_max_window_bits="15"',
            FORGETFUL,
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            FORGETFUL,
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
            f"{FORGETFUL}; server_max_window_bits=10",
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
        ),
        # The first that can be kept.
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=11",
            f"{FORGETFUL}; server_max_window_bits=11",
            "permessage-deflate; server_max_window_bits=11",
        ),
        (
            "x-webkit-deflate-frame, permessage-bzip2; server_max_window_bits=9, permessage-deflate",
            FORGETFUL,
            "permessage-deflate; server_max_window_bits=12",
        ),
        (
            "permessage-deflate; server_no_context_takeover, permessage-deflate",
            FORGETFUL,
            "permessage-deflate; server_no_context_takeover",
        ),
    ],
)
def test_what_is_agreed_to(offers: str, shared: str, dedicated: str) -> None:
    assert answer(offers, "shared") == shared
    assert answer(offers, "dedicated") == dedicated


@pytest.mark.parametrize(
    "parameters",
    [
        *(
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            'server_no_context_takeover="1"',
        ),
        *(f"server_max_window_bits={bad}" for bad in ("7", "8", "16", "08", "015", "1e1", "x", "-9", "255")),
        *(f"client_max_window_bits={bad}" for bad in ("7", "16", "08", "010", "x", "+9")),
        "server_max_window_bits",
        *("unknown", "unknown=1", "Server_no_context_takeover", "mux"),
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits=10",
    ],
)
@pytest.mark.parametrize("mode", ["shared", "dedicated"])
def test_an_offer_with_a_fault_is_passed_over(parameters: str, mode: Literal["shared", "dedicated"]) -> None:
    bad = f"permessage-deflate; {parameters}"
    assert agreed(bad, mode) is None
    assert answer(f"{bad}, permessage-deflate", mode) == answer("permessage-deflate", mode)


def test_nothing_is_agreed_to_without_an_offer() -> None:
    assert agreed("") is None
    assert agreed("permessage-deflated, Permessage-Deflate") is None


def test_settings_that_are_refused() -> None:
    with pytest.raises(ValueError, match="off, shared or dedicated"):
        Compression("on")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="min_size_bytes"):
        Compression("shared", 0)


# Packing


@pytest.mark.parametrize("size", [1, 124, 125, 126, 127, 1000, 65535, 65536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("mode", ["shared", "dedicated"])
def test_a_packed_frame_inflates(size: int, opcode: int, mode: Literal["shared", "dedicated"]) -> None:
    agreement = agreed("permessage-deflate; server_max_window_bits=15", mode)
    assert agreement is not None
    stream = zlib.decompressobj(wbits=-15)
    for message in (b"x" * size, (b"abcdefgh" * size)[:size], os.urandom(size)):
        plain = server_frame(opcode, message)
        packed = agreement.pack(plain)
        if packed is not plain:
            assert packed[0] == 0x80 | COMPRESSED | opcode
            assert server_frame(COMPRESSED | opcode, payload(packed)) == packed
            assert stream.decompress(payload(packed) + TAIL) == message
        if mode == "shared":
            assert len(packed) <= len(plain)


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("mode", ["shared", "dedicated"])
def test_our_window_is_no_larger_than_agreed(bits: int, mode: Literal["shared", "dedicated"]) -> None:
    agreement = agreed(f"permessage-deflate; server_max_window_bits={bits}", mode)
    assert agreement is not None
    stream = zlib.decompressobj(wbits=-bits)  # zlib refuses to look further back
    noise = os.urandom(3000)
    for message in (noise, noise * 30, noise[:500] * 10):
        packed = agreement.pack(server_frame(BINARY, message))
        if packed[0] & COMPRESSED:
            assert stream.decompress(payload(packed) + TAIL) == message


def test_shared_frames_stand_alone_and_are_the_same_each_time() -> None:
    agreement = agreed("permessage-deflate")
    assert agreement is not None
    first, second = (agreement.pack(server_frame(TEXT, LONG)) for _ in range(2))
    agreement.pack(server_frame(TEXT, b"something else" * 50))
    assert first == second == agreement.pack(server_frame(TEXT, LONG))
    assert zlib.decompressobj(wbits=-15).decompress(payload(first) + TAIL) == LONG


def test_dedicated_frames_lean_on_those_before() -> None:
    agreement = agreed("permessage-deflate", "dedicated")
    assert agreement is not None
    noise = os.urandom(1000)
    first, second = (agreement.pack(server_frame(BINARY, noise)) for _ in range(2))
    assert len(first) > 1000 > 50 > len(second)
    stream = zlib.decompressobj(wbits=-12)
    assert [stream.decompress(payload(frame) + TAIL) for frame in (first, second)] == [noise, noise]


def test_connections_share_a_packer_if_their_windows_are_the_same() -> None:
    compression = Compression("shared")
    offers = [f"permessage-deflate; server_max_window_bits={bits}" for bits in (15, 15, 10, 10)]
    one, two, three, four = (compression.negotiate(read_extensions(offer)) for offer in offers)
    assert one is two is compression.negotiate(read_extensions("permessage-deflate"))
    assert three is four
    assert one is not three


def test_dedicated_connections_share_nothing_unless_asked_to_forget() -> None:
    compression = Compression("dedicated")
    one, two = (compression.negotiate(read_extensions("permessage-deflate")) for _ in range(2))
    assert one is not None
    assert two is not None
    assert one.pack is not two.pack
    assert one.inflater is not two.inflater
    offer = f"{FORGETFUL}; server_max_window_bits=15"
    one, two = (compression.negotiate(read_extensions(offer)) for _ in range(2))
    assert one is not None
    assert two is not None
    assert (one.pack, one.inflater) == (two.pack, two.inflater)


@pytest.mark.parametrize("mode", ["shared", "dedicated"])
def test_what_stays_as_it_is(mode: Literal["shared", "dedicated"]) -> None:
    agreement = agreed("permessage-deflate", mode, 200)
    assert agreement is not None
    for frame in (
        server_frame(TEXT, b"a" * 199),
        server_frame(TEXT, b""),
        server_frame(PING, b"a" * 125),
        server_frame(CLOSE, b"\x03\xe8" + b"a" * 123),
        server_frame(COMPRESSED | TEXT, b"a" * 1000),
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"A: b\r\n" * 100,
        b"",
    ):
        assert agreement.pack(frame) is frame
    assert agreement.pack(server_frame(TEXT, b"a" * 200))[0] & COMPRESSED


# Inflating


@pytest.mark.parametrize("inflater", [MessageInflater(), WindowInflater(15), WindowInflater(8)])
@pytest.mark.parametrize(
    ("sent", "message"),
    [  # RFC 7692 7.2.3
        ("f248cdc9c90700", b"Hello"),
        ("000500faff48656c6c6f00", b"Hello"),
        ("f348cdc9c9070000", b"Hello"),  # a last block, and an empty one behind
        ("000500faff48656c6c6f01", b"Hello"),  # the empty one is a last block
        ("f248050000 00ffff cac9c90700", b"Hello"),  # two blocks
        ("00", b""),
        ("", b""),
    ],
)
def test_the_examples_of_the_rfc(inflater: MessageInflater, sent: str, message: bytes) -> None:
    for _ in range(3):
        assert inflater.inflate(bytes.fromhex(sent), 100) == message


def test_the_window_is_kept_where_that_is_agreed() -> None:
    """RFC 7692 7.2.3.2."""
    inflater = WindowInflater(15)
    assert inflater.inflate(bytes.fromhex("f248cdc9c90700"), 5) == b"Hello"
    assert inflater.inflate(bytes.fromhex("f200110000"), 5) == b"Hello"
    with pytest.raises(InflateError):
        MessageInflater().inflate(bytes.fromhex("f200110000"), 5)
