"""Headers of the PROXY protocol, by the examples and the rules of its specification."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.wire.proxy_header import (
    MAX_V2_BYTES,
    V2_SIGNATURE,
    ProxyHeader,
    ProxyHeaderError,
    read_proxy_header,
)

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 50123 443\r\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return V2_SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


def addresses(source: str, target: str, port: int = 50123) -> bytes:
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return packed + struct.pack("!HH", port, 443)


V4 = v2(0x21, 0x11, addresses("192.0.2.7", "198.51.100.1"))
V6 = v2(0x21, 0x21, addresses("2001:db8::7", "2001:db8::1"))
TLVS = b"\x01\x00\x02h2" + b"\x03\x00\x04\xa9\xb8\x7e\x8f"  # ALPN and CRC-32c


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (V1, ("192.0.2.7", 50123)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 50123 443\r\n", ("2001:db8::7", 50123)),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 0 65535\r\n", ("192.0.2.7", 0)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
        (V4, ("192.0.2.7", 50123)),
        (V6, ("2001:db8::7", 50123)),
        (v2(0x21, 0x12, addresses("192.0.2.7", "198.51.100.1")), ("192.0.2.7", 50123)),
        (v2(0x21, 0x11, addresses("192.0.2.7", "198.51.100.1") + TLVS), ("192.0.2.7", 50123)),
        (v2(0x20, 0x00, b""), None),  # LOCAL: a health check of the proxy itself
        (v2(0x20, 0x11, addresses("192.0.2.7", "198.51.100.1")), None),
        (v2(0x20, 0xFF, b"anything"), None),
        (v2(0x21, 0x00, b""), None),
        (v2(0x21, 0x31, bytes(216)), None),  # a Unix socket
    ],
)
def test_a_header_says_who_the_client_is(header: bytes, client: tuple[str, int] | None) -> None:
    expected = ProxyHeader(client, len(header))
    assert read_proxy_header(header) == expected
    assert read_proxy_header(header + b"GET / HTTP/1.1\r\n\r\n") == expected
    for cut in range(len(header)):
        assert read_proxy_header(header[:cut]) is None


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "neither PROXY"),
        (b"\x16\x03\x01", "neither PROXY"),
        (b"PROXY  TCP4", None),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 50123\r\n", "two addresses"),
        (b"PROXY TCP5 192.0.2.7 198.51.100.1 50123 443\r\n", "two addresses"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 50123 443 \r\n", "two addresses"),
        (b"PROXY \r\n", "two addresses"),
        (b"PROXY TCP4 2001:db8::7 2001:db8::1 50123 443\r\n", "none of IPv4"),
        (b"PROXY TCP6 192.0.2.7 198.51.100.1 50123 443\r\n", "none of IPv6"),
        (b"PROXY TCP6 fe80::7%eth0 fe80::1 50123 443\r\n", "none of IPv6"),
        (b"PROXY TCP4 192.0.2.07 198.51.100.1 50123 443\r\n", "none of IPv4"),
        (b"PROXY TCP4 localhost 198.51.100.1 50123 443\r\n", "none of IPv4"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n", "65535"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n", "65535"),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 ²3 443\r\n".encode("latin-1"), "65535"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 50123 443\n" + bytes(100), "longer than 107"),
        (b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n", "longer than 107"),
        (v2(0x11, 0x11, addresses("192.0.2.7", "198.51.100.1")), "version and command"),
        (v2(0x22, 0x11, addresses("192.0.2.7", "198.51.100.1")), "version and command"),
        (v2(0x21, 0x41, bytes(12)), "family or transport"),
        (v2(0x21, 0x13, bytes(12)), "family or transport"),
        (v2(0x21, 0x11, bytes(11)), "before its addresses"),
        (v2(0x21, 0x21, bytes(35)), "before its addresses"),
        (V2_SIGNATURE + b"\x21\x11\xff\xff", f"at most {MAX_V2_BYTES}"),
    ],
)
def test_what_is_no_header_is_refused(header: bytes, reason: str | None) -> None:
    if reason is None:
        header, reason = header + b" 192.0.2.7 198.51.100.1 1 1\r\n", "two addresses"
    with pytest.raises(ProxyHeaderError, match=reason):
        read_proxy_header(header)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: b"PROXY " + rest),
                 st.binary(max_size=300).map(lambda rest: V2_SIGNATURE + rest)))  # fmt: skip
def test_nothing_else_is_raised(data: bytes) -> None:
    try:
        header = read_proxy_header(data)
    except ProxyHeaderError:
        return
    assert header is None or header.size_bytes <= len(data)
