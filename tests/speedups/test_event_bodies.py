"""The event of a plain body is what msgspec reads and orjson writes."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb._speedups.event_bodies import read_event

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def test_the_parts_of_a_body() -> None:
    body = rb'{"name":"a\/b","channels":["c"],"data":"{\"x\":\"\\\/\"}","socket_id":"1.2"}'
    text = rb'{"event":"a/b","data":"{\"x\":\"\\/\"}","channel":"c"}'
    assert read_event(body) == ("c", text, "1.2")


@pytest.mark.parametrize("size", range(40))
def test_what_ends_a_text_at_any_place(size: int) -> None:
    for byte in (b"\\", b"\x00", b"\x1f", b"\x80", b"\xff", b'"'):
        assert read_event(b'{"channel":"c","name":"n","data":"%b%b' % (b"x" * size, byte)) is None
    whole = b'{"channel":"c","name":"n","data":"%b"}' % (b"x" * size)
    assert read_event(whole) == (
        "c",
        b'{"event":"n","data":"%b","channel":"c"}' % (b"x" * size),
        None,
    )


@given(TEXT, TEXT, TEXT, st.booleans())
def test_a_body_that_is_read_is_written_as_orjson_writes_it(
    name: str, data: str, channel: str, escapes_slashes: bool
) -> None:
    text = json.dumps({"name": name, "data": data, "channel": channel}, ensure_ascii=False)
    cut = read_event((text.replace("/", r"\/") if escapes_slashes else text).encode())
    if cut is not None:
        assert cut == (channel, orjson.dumps({"event": name, "data": data, "channel": channel}), None)
    plain = (
        channel and name and channel[0] != "#" and channel.isprintable() and not set(channel) & set('"\\/')
    )
    if plain and name.isprintable() and data.isprintable():
        assert cut is not None
