"""Whose client it is: what is believed of `X-Forwarded-For` and `Forwarded`, and of whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.transport.trusted_proxies import MAX_FIELD_CHARS, TrustedProxies, address_in

PROXIES = TrustedProxies(["10.0.0.0/8", "2001:db8:1::/48", "unix"])
PEER = "10.0.0.1:40000"


def client(forwarded_for: str, peer: str = PEER, proxies: TrustedProxies = PROXIES) -> str:
    return proxies.client_of(peer, {"x-forwarded-for": forwarded_for})


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:50123", "192.0.2.7:50123"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8::7]:50123", "[2001:db8::7]:50123"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::7%eth0", "fe80::7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),  # what the client made up is on the left
        ("6.6.6.6, 192.0.2.7, 10.9.9.9", "192.0.2.7"),  # a second proxy of ours
        ("192.0.2.7,2001:db8:1::9 , 10.9.9.9", "192.0.2.7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),  # a client of our own network
        ("nonsense, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, nonsense", PEER),
        ("nonsense, 10.2.2.2", "10.2.2.2"),
        ("192.0.2.7, ", PEER),
        ("", PEER),
        ("unknown", PEER),
        ("192.0.2.7:x", PEER),
        ("[2001:db8::7]x", PEER),
        ("192.0.2.7:123456", PEER),
        ("192.0.2.7 192.0.2.8", PEER),
        ("\x00", PEER),
        ("6.6.6.6, " * 400 + "192.0.2.7", "192.0.2.7"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(field: str, expected: str) -> None:
    assert client(field) == expected


def test_only_trusted_proxies_are_believed() -> None:
    for peer in ("192.0.2.1:40000", "[2001:db8:2::1]:40000", "", "11.0.0.1"):
        assert client("192.0.2.7", peer) == peer
    for peer in ("10.255.0.1:40000", "[2001:db8:1::1]:40000", "unix socket", "[::ffff:10.0.0.1]:40000"):
        assert client("192.0.2.7", peer) == "192.0.2.7"
    assert client("192.0.2.7", "unix socket", TrustedProxies(["10.0.0.0/8"])) == "unix socket"


def test_a_star_is_whoever_connects_and_no_address_in_the_header() -> None:
    """As in Laravel: a client could write anything to the left of what the proxy has appended."""
    everybody = TrustedProxies(["*"])
    for peer in ("203.0.113.1:40000", "[2001:db8::1]:1", "unix socket"):
        assert client("6.6.6.6, 192.0.2.7", peer, everybody) == "192.0.2.7"
    assert client("6.6.6.6, 192.0.2.7, 10.0.0.2", PEER, TrustedProxies(["*", "10.0.0.0/8"])) == "192.0.2.7"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=192.0.2.7;proto=https;by=203.0.113.43", "192.0.2.7"),
        ('proto=https; for="192.0.2.7:50123"', "192.0.2.7:50123"),
        ('for="[2001:db8:cafe::17]:4711"', "[2001:db8:cafe::17]:4711"),
        ('for="[2001:db8:cafe::17]"', "2001:db8:cafe::17"),
        ("for=6.6.6.6, for=192.0.2.7, for=10.0.0.9;by=10.0.0.1", "192.0.2.7"),
        ('for="6.6.6.6, for=192.0.2.7', "192.0.2.7"),  # a quote that the client left open
        ('for=192.0.2.7;host="a,for=6.6.6.6"', "192.0.2.7"),  # its Host, quoted by the proxy
        ('for=192.0.2.7;host="a;for=6.6.6.6"', "192.0.2.7"),
        ('host="a;for=6.6.6.6;b" ; for=192.0.2.7', "192.0.2.7"),
        ('host="a\\";for=6.6.6.6;b";for=192.0.2.7', "192.0.2.7"),
        ("for=_hidden", PEER),
        ("for=unknown, for=10.0.0.9", "10.0.0.9"),
        ("proto=https", PEER),
        ("", PEER),
    ],
)
def test_forwarded_is_read_from_the_right(field: str, expected: str) -> None:
    assert PROXIES.client_of(PEER, {"forwarded": field}) == expected


def test_forwarded_counts_only_without_x_forwarded_for() -> None:
    """A proxy that does not write it passes on the client's own."""
    headers = {"forwarded": "for=6.6.6.6", "x-forwarded-for": "192.0.2.7"}
    assert PROXIES.client_of(PEER, headers) == "192.0.2.7"
    assert PROXIES.client_of(PEER, headers | {"x-forwarded-for": "nonsense"}) == PEER


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedProxies([])
    assert TrustedProxies([]).client_of(PEER, {"x-forwarded-for": "192.0.2.7"}) == PEER


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.7", "192.0.2.7"), ("[::1]:80", "::1"), ("::1", "::1"), ("a.example", None), ("[::1", None), ("", None)],
)  # fmt: skip
def test_addresses_with_and_without_ports(text: str, address: str | None) -> None:
    found = address_in(text)
    assert (None if found is None else str(found)) == address


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_raises(forwarded_for: str, forwarded: str) -> None:
    assert client(forwarded_for)
    assert PROXIES.client_of(PEER, {"forwarded": forwarded})


def test_of_a_large_header_the_right_end_is_read() -> None:
    for length in range(8):
        field = f"192.0.2.7, {'10.0.0.9, ' * (MAX_FIELD_CHARS // 10 + 1)}10.0.0.{'8' * length}"
        assert client(field) in ("10.0.0.9", "10.0.0.8", "10.0.0.88", PEER), field[-30:]
    assert client("6" * (MAX_FIELD_CHARS + 1)) == PEER
