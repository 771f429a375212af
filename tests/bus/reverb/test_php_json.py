"""JSON as PHP writes and reads it."""

from __future__ import annotations

import json

import msgspec
import pytest

from revurb.bus.reverb.php_json import UnreadableByPhp, is_readable_by_php, quote, readable_json, write_json


def test_escapes_are_phps() -> None:
    assert quote("a/é€😀") == r'"a\/\u00e9\u20ac\ud83d\ude00"'
    assert write_json({"a/b": ["x/y", None]}) == r'{"a\/b":["x\/y",null]}'


def test_what_is_no_text_is_not_written() -> None:
    for write in (quote, lambda text: write_json({"a": [text]})):
        with pytest.raises(UnreadableByPhp):
            write("\ud800")


@pytest.mark.parametrize("data", [b"1e999", b'"\\ud800"', b"[" * 490 + b"]" * 490, b"{"])
def test_what_php_cannot_read(data: bytes) -> None:
    assert not is_readable_by_php(data)
    with pytest.raises(UnreadableByPhp):
        readable_json(msgspec.Raw(data))


def test_what_php_can_read_stays_as_it_is() -> None:
    for data in (b"[" * 480 + b"]" * 480, json.dumps([[]] * 1000).encode(), b"1.50"):
        assert readable_json(msgspec.Raw(data)) == data
