from __future__ import annotations

import asyncio

import pytest

from revurb.transport.peer_address import peer_of


class Transport(asyncio.BaseTransport):
    def __init__(self, peername: object) -> None:
        super().__init__({"peername": peername})


@pytest.mark.parametrize(
    ("peername", "text"),
    [
        (("192.0.2.7", 50123), "192.0.2.7:50123"),
        (("2001:db8::7", 50123, 0, 0), "[2001:db8::7]:50123"),
        ("", "unix socket"),
        (b"", "unix socket"),
        (None, ""),
    ],
)
def test_an_address_as_text(peername: object, text: str) -> None:
    assert peer_of(Transport(peername)) == text
