"""Wrong values, and bytes that are almost JSON."""

from __future__ import annotations

from collections.abc import Iterator

# One of each JSON type, and the corners of some.
VALUES: dict[str, str] = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "negative": "-1",
    "fraction": "1.5",
    "beyond-double": "1e999",
    "4000-digits": "9" * 4000,
    "empty-text": '""',
    "text": '"text"',
    "nul": r'"\u0000"',
    "lone-surrogate": r'"\ud800"',
    "empty-list": "[]",
    "list": '["a"]',
    "empty-object": "{}",
    "object": '{"a":1}',
    "nested-2000": "[" * 2000 + "]" * 2000,
    "nested-objects-1000": '{"a":' * 1000 + "1" + "}" * 1000,
}


def without(*names: str) -> dict[str, str]:
    """The values but for those that would be right."""
    return {name: value for name, value in VALUES.items() if name not in names}


def prefixes(text: str) -> Iterator[tuple[str, bytes]]:
    """Everything that begins like `text` and is not JSON yet."""
    for length in range(len(text)):
        yield f"first-{length}", text[:length].encode()


def almost(text: str) -> Iterator[tuple[str, bytes]]:
    """`text`, an object, spoilt in ways that a lenient parser forgives."""
    yield "byte-order-mark", b"\xef\xbb\xbf" + text.encode()
    yield "utf-16", text.encode("utf-16")
    yield "trailing-comma", (text[:-1] + ",}").encode()
    yield "trailing-text", (text + "x").encode()
    yield "twice", (text + text).encode()
    yield "single-quotes", text.replace('"', "'").encode()
    yield "comment", (text[:-1] + "/* hi */}").encode()
    yield "nan", (text[:-1] + ',"x":NaN}').encode()
    yield "infinity", (text[:-1] + ',"x":-Infinity}').encode()
    yield "leading-zero", (text[:-1] + ',"x":01}').encode()
    yield "bare-key", (text[:-1] + ",x:1}").encode()
    yield "raw-newline-in-text", (text[:-1] + ',"x":"\n"}').encode()
    yield "bad-escape", (text[:-1] + r',"x":"\q"}').encode()
    yield "half-escape", (text[:-1] + r',"x":"\u12"}').encode()
    yield "nul-behind", text.encode() + b"\0"


# Sequences that are not UTF-8 (RFC 3629 and the Unicode Standard, table 3-7).
NOT_UTF8: dict[str, bytes] = {
    "lone-continuation": b"\x80",
    "lone-lead": b"\xc3",
    "lead-without-tail": b"\xe2\x82",
    "overlong-slash": b"\xc0\xaf",
    "overlong-nul": b"\xe0\x80\x80",
    "surrogate": b"\xed\xa0\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "five-bytes": b"\xf8\x88\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "latin-1": b"caf\xe9",
    "cut-emoji": "😀".encode()[:3],
}
