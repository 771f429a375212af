r"""JSON with half a surrogate pair in it, `"\ud83d"`: what JavaScript makes of an emoji that was cut in two.

It is JSON (RFC 8259 8.2) and JavaScript reads it, but it is no Unicode text, and the decoders here refuse it. What one
client sends to another, and what an application signs, has to arrive byte for byte all the same. So where a decoder
has refused a text, the `\u` of each half is hidden behind a character that is not in it; decoded again, whatever is
kept as raw JSON gets it back. Nothing that is used as text may have any.
"""

from __future__ import annotations

import re

MARK = "\ufdd0"  # a noncharacter: never in a text that is meant for others (Unicode 23.7)
_MARK = MARK.encode()
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rb"[dD][89a-fA-F][0-9a-fA-F]{2}"
# Up to the `\u` of the next half, over pairs and over all other escapes. Possessive, and matched where the last one
# ended: no byte is looked at twice (10 KB of nothing but halves take 1 ms, of anything else 0.2).
_UP_TO_HALF = re.compile(rb"((?:[^\\]++|%b|\\u(?!%b)|\\[^u])*+)\\u" % (_PAIR, _HALF))
MAX_HALVES = 10_000  # 3 ms; a message of the default size has at most 1,666


def hide(json: bytes) -> bytes | None:
    """`json` with its halves of pairs hidden; None where that would change nothing, could not be undone, or would take
    too long."""
    if _MARK in json:
        return None
    parts = []
    end = 0
    while (found := _UP_TO_HALF.match(json, end)) is not None:
        parts.append(found[1])
        end = found.end()
        if len(parts) > MAX_HALVES:
            return None
    return _MARK.join((*parts, json[end:])) if parts else None


def show(json: bytes) -> bytes:
    """Undo `hide` in a part of what it gave."""
    return json.replace(_MARK, b"\\u")


def has_any(text: str) -> bool:
    """Whether a text that was decoded from what `hide` gave has half of a pair."""
    return MARK in text
