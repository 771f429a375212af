"""Members as Redis' scripts write them, and what others put among them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.ledger_values import read_entries, read_members
from revurb.pusher.ports import Member

ANN = Member("ann", b'"ann"', b'{"tab":1}')


def packed(joined_ms: float, *nodes: str) -> bytes:
    return msgspec.msgpack.encode(['"ann"', '{"tab":1}', joined_ms, nodes])


def test_members_are_read_in_order_of_joining() -> None:
    pairs = [b"bob", packed(2, "n1"), b"ann", packed(1.5, "n1", "n2")]
    invalid = InvalidValues()
    assert [member.user_id for member in read_members(pairs, "key", invalid)] == ["ann", "bob"]
    assert list(read_entries(pairs, "key", invalid))[1] == (1.5, ANN, ["n1", "n2"])
    assert invalid.count == 0


@given(user_id=st.binary(), value=st.binary())
def test_anything_else_is_passed_over(user_id: bytes, value: bytes) -> None:
    invalid = InvalidValues()
    pairs = [user_id, value, b"\xff", packed(1, "n"), b"ann", b"\xdb", b"ann", packed(3, "n"), b"odd"]
    found = read_members(pairs, "key", invalid)
    assert ANN in found
    assert len(found) + invalid.count == 4
