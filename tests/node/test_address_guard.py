"""What an address may do, and who it is."""

from __future__ import annotations

import itertools

import pytest

from revurb.node.address_guard import MAX_VISITORS, AddressGuard, AddressLimits
from revurb.transport.trusted_proxies import TrustedProxies


class Guarded(AddressGuard):
    def __init__(self, *limits: int | None, ban_s: float = 600.0) -> None:
        self.now = 100.0
        handshakes, connections, ban_after = (*limits, None, None)[:3]
        of_address = AddressLimits(handshakes, connections, ban_after, ban_s)
        super().__init__(of_address, TrustedProxies(["10.0.0.0/8"]), lambda: self.now)


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("192.0.2.7:50123", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::7]:50123", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("127.0.0.1:1", None),
        ("[::1]:1", None),
        ("10.1.1.1:1", None),
        ("unix socket", None),
        ("", None),
    ],
)
def test_what_counts_as_one_address(client: str, key: str | None) -> None:
    assert Guarded(1).key_of(client) == key


def test_the_first_handshake_is_none_too_many() -> None:
    guard = AddressGuard(AddressLimits(1, None, None, 60.0), TrustedProxies(()))
    for number in range(1, 200):
        assert guard.wait_s(f"192.0.2.{number}:1") == 0
        assert guard.wait_s(f"192.0.2.{number}:2") == 1


def test_handshakes_in_a_second() -> None:
    guard = Guarded(2)
    assert [guard.wait_s(f"192.0.2.7:{port}") for port in range(4)] == [0, 0, 1, 1]
    assert guard.wait_s("192.0.2.8:1") == 0
    assert [guard.wait_s("127.0.0.1:1") for _ in range(10)] == [0] * 10
    guard.now += 1
    assert [guard.wait_s("192.0.2.7:1") for _ in range(3)] == [0, 0, 1]


def test_the_first_handshake_of_an_address_is_let_in() -> None:
    """By a clock that goes on between two looks at it, as real ones do."""
    guard, ticks = Guarded(1), itertools.count(1)
    guard._clock = lambda: 100.0 + next(ticks) * 1e-6
    assert [guard.wait_s(f"192.0.2.{number}:1") for number in range(1, 9)] == [0] * 8
    assert guard.wait_s("192.0.2.1:1") == 1


def test_connections_at_a_time() -> None:
    guard = Guarded(None, 2)
    assert [guard.enter("192.0.2.7:1") for _ in range(3)] == [True, True, False]
    assert guard.enter("192.0.2.8:1")
    guard.leave("192.0.2.7:2")
    assert guard.enter("192.0.2.7:3")
    for client in ("192.0.2.7:1", "192.0.2.7:1", "192.0.2.7:1", "192.0.2.8:1"):
        guard.leave(client)
    assert guard._connections == {}
    assert all(guard.enter("10.0.0.1:1") for _ in range(10))


def test_a_ban_has_an_end() -> None:
    guard = Guarded(None, None, 3, ban_s=60)
    assert [guard.offended("192.0.2.7:1") for _ in range(3)] == [False, False, True]
    assert guard.wait_s("192.0.2.7:2") == 60
    assert not guard.offended("192.0.2.7:2")
    assert guard.wait_s("192.0.2.8:2") == 0
    guard.now += 59.5
    assert guard.wait_s("192.0.2.7:2") == 1
    guard.now += 0.6
    assert guard.wait_s("192.0.2.7:2") == 0


def test_old_offences_are_forgotten_and_proxies_have_none() -> None:
    guard = Guarded(None, None, 3)
    for _ in range(10):
        assert not guard.offended("192.0.2.7:1")
        guard.now += 40
    assert not any(
        guard.offended(client) for client in ("10.0.0.1:1", "127.0.0.1:1", "unix socket") for _ in range(10)
    )


def test_so_many_addresses_are_kept() -> None:
    guard = Guarded(1)
    for number in range(MAX_VISITORS + 100):
        guard.wait_s(f"192.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(guard._visitors) == MAX_VISITORS


def test_whether_any_is_set() -> None:
    assert not AddressLimits().are_set
    assert AddressLimits(1).are_set
    assert AddressLimits(connections=1).are_set
    assert AddressLimits(ban_after=1).are_set
