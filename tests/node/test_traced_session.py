from __future__ import annotations

import pytest

from revurb._speedups.frames import TEXT, server_frame
from revurb.node.traced_session import _header_bytes


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_the_header_of_a_frame(length: int) -> None:
    payload = b"x" * length
    frame = server_frame(TEXT, payload)
    assert frame[_header_bytes(frame) :] == payload
