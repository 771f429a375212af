from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revurb.webhooks.kept_request import KeptRequest, decode_kept, encode_kept


def test_a_successor_reads_what_was_kept() -> None:
    request = KeptRequest("id-1", "1", "target", 5, ("a", "b"), b'{"events":[]}')
    assert decode_kept(encode_kept(request)) == request
    over = KeptRequest("id-1", "1", "target", 5, ("b",), None)
    assert decode_kept(encode_kept(over)) == over
    assert over.name == request.name == "target:id-1"


@given(st.binary())
def test_anything_else_is_nothing(value: bytes) -> None:
    decoded = decode_kept(value)
    assert decoded is None or isinstance(decoded, KeptRequest)
    assert decode_kept(encode_kept(KeptRequest("i", "1", "t", 5, (), None))[:-1]) is None
