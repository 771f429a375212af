"""Answers that are written together."""

from __future__ import annotations

import asyncio
from typing import cast

from revurb.transport.gathered_output import MAX_TOGETHER_BYTES, GatheredOutput


class Written:
    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)


def test_answers_are_written_in_one_go_once_one_is_large() -> None:
    transport = Written()
    output = GatheredOutput(cast(asyncio.Transport, transport))
    large = b"x" * (MAX_TOGETHER_BYTES + 1)
    for data in (b"a", b"b", large, b"c"):
        output.write(data)
    assert transport.writes == [b"ab" + large]
    output.flush()
    output.flush()
    assert transport.writes == [b"ab" + large, b"c"]
