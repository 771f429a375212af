"""UTF-8 sequences, right and wrong, in the sections 6.5 to 6.23 in which the Autobahn suite has them.

They are those of Markus Kuhn's "UTF-8 decoder capability and stress test", with RFC 3629's verdict: nothing above
U+10FFFF, no surrogates, non-characters allowed.
"""

from __future__ import annotations

_GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"  # "kosme" in Greek, one character of three bytes
_CUT_SHORT = (
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf",
)
_HIGH_SURROGATES = (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
_LOW_SURROGATES = (b"\xed\xb0\x80", b"\xed\xbf\xbf")


def _lonely(first: int, last: int) -> bytes:
    return b"".join(bytes([start]) + b" " for start in range(first, last))


def _non_characters() -> list[bytes]:
    """U+FFFE and U+FFFF, and the last two code points of each block of 2^16 that the suite looks at."""
    blocks = [first + second for first in b"\xf0 \xf1 \xf2 \xf3".split() for second in _MIDDLES] + [
        b"\xf4\x8f"
    ]
    blocks.remove(b"\xf0\x8f")  # would be overlong
    return [b"\xef\xbf\xbe", b"\xef\xbf\xbf"] + [
        block + b"\xbf" + last for block in blocks for last in (b"\xbe", b"\xbf")
    ]


_MIDDLES = (b"\x8f", b"\x9f", b"\xaf", b"\xbf")

VALID: dict[str, list[bytes]] = {
    "6.5 some valid text": [
        b"hello\x24world",
        b"hello\xc2\xa2world",
        b"hello\xe2\x82\xacworld",
        b"hello\xf0\xa4\xad\xa2world",
        _GREEK,
    ],
    "6.7 first of each length": [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    "6.9 last of each length": [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    "6.11 boundaries": [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    "6.22 non-characters": _non_characters(),
    "6.23 specials": [b"\xef\xbf" + bytes([last]) for last in range(0xB9, 0xC0)],
}

INVALID: dict[str, list[bytes]] = {
    "6.8 first of lengths 5 and 6": [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    "6.10 last of lengths 4, 5 and 6": [
        b"\xf7\xbf\xbf\xbf",
        b"\xfb\xbf\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf\xbf",
    ],
    "6.11 boundary": [b"\xf4\x90\x80\x80"],
    "6.12 unexpected continuations": [
        b"\x80",
        b"\xbf",
        b"\x80\xbf",
        b"\x80\xbf\x80",
        b"\x80\xbf\x80\xbf",
        b"\x80\xbf\x80\xbf\x80",
        b"\x80\xbf\x80\xbf\x80\xbf",
        bytes(range(0x80, 0xBF)),
    ],
    "6.13 lonely starts": [
        _lonely(0xC0, 0xDF),
        _lonely(0xE0, 0xEF),
        _lonely(0xF0, 0xF7),
        _lonely(0xF8, 0xFB),
        _lonely(0xFC, 0xFD),
    ],
    "6.14 last continuation missing": list(_CUT_SHORT),
    "6.15 incomplete, joined": [b"".join(_CUT_SHORT)],
    "6.16 impossible bytes": [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    "6.17 overlong ASCII": [
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x80\x80\x80\x80\xaf",
    ],
    "6.18 highest overlong": [
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x87\xbf\xbf\xbf",
        b"\xfc\x83\xbf\xbf\xbf\xbf",
    ],
    "6.19 overlong NUL": [
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
        b"\xf8\x80\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80\x80",
    ],
    "6.20 lone surrogates": [*_HIGH_SURROGATES, b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"],
    "6.21 paired surrogates": [high + low for high in _HIGH_SURROGATES for low in _LOW_SURROGATES],
}

# All prefixes of valid text: right where a character ends.
for _size in range(1, len(_GREEK) + 1):
    try:
        _GREEK[:_size].decode()
    except UnicodeDecodeError:
        INVALID.setdefault("6.6 prefixes inside a character", []).append(_GREEK[:_size])
    else:
        VALID.setdefault("6.6 prefixes between characters", []).append(_GREEK[:_size])


def first_wrong(text: bytes) -> int:
    """Index of the first byte that no valid text could have there; its length if it only ends too early.

    Python's decoder names the start of the bad character; the bytes that could still have become something are
    found by asking it for each prefix.
    """
    for size in range(1, len(text) + 1):
        try:
            text[:size].decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return size - 1
    return len(text)
