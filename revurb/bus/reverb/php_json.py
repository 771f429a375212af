"""JSON for PHP nodes, with PHP's own escapes.

It is refused (`UnreadableByPhp`) where PHP's json_decode or json_encode would fail, since the node that read it would
die.
"""

from __future__ import annotations

import json

import msgspec
import orjson

MAX_DEPTH = 480  # of the JSON within an event; PHP reads 512 levels in all


class UnreadableByPhp(ValueError):
    """A message that PHP could not read."""


def quote(text: str) -> str:
    """A JSON string, escaped as PHP's json_encode does. Raises UnreadableByPhp."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error
    return json.dumps(text).replace("/", "\\/")


def write_json(value: object) -> str:
    """As `quote`, for maps and lists of texts."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def is_readable_by_php(raw: bytes) -> bool:
    """Whether PHP can read this JSON and write it again: no numbers beyond a double, no lone surrogates (orjson refuses
    both), not too deep."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return True
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def readable_json(raw: msgspec.Raw) -> bytes:
    """The JSON as it came. Raises UnreadableByPhp."""
    data = bytes(raw)
    if not is_readable_by_php(data):
        raise UnreadableByPhp("JSON that PHP cannot read")
    return data
