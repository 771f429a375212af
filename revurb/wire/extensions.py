"""The Sec-WebSocket-Extensions field: what a client offers (RFC 6455 9.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SPACE = r"[ \t]*"
_NAME = re.compile(f"({_TOKEN}){_SPACE}")
_PARAMETER = re.compile(rf';{_SPACE}({_TOKEN}){_SPACE}(?:={_SPACE}({_TOKEN}|"(?:[^"\\]|\\.)*"){_SPACE})?')
_BETWEEN = re.compile(rf"(?:,{_SPACE})+")
_QUOTED_PAIR = re.compile(r"\\(.)")


class Extension(NamedTuple):
    """One offer. A parameter without a value has None; a name may be there twice."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]


def read_extensions(field: str) -> list[Extension]:
    """The offers of a field value, in order of preference. Raises ValueError if it breaks the grammar.

    Empty list elements are skipped (RFC 9110 5.6.1). A quoted value has to be a token without its quotes.
    """
    offers: list[Extension] = []
    text = field.strip(" \t")
    at = 0
    while True:
        between = _BETWEEN.match(text, at)
        if between is not None:
            at = between.end()
        if at == len(text):
            return offers
        name = _NAME.match(text, at)
        if name is None or (between is None and at > 0):
            raise ValueError("not an extension list of RFC 6455 9.1")
        at = name.end()
        parameters: list[tuple[str, str | None]] = []
        while (found := _PARAMETER.match(text, at)) is not None:
            at = found.end()
            parameters.append((found[1], _value(found[2])))
        offers.append(Extension(name[1], tuple(parameters)))


def _value(written: str | None) -> str | None:
    if written is None or not written.startswith('"'):
        return written
    value = _QUOTED_PAIR.sub(r"\1", written[1:-1])
    if not re.fullmatch(_TOKEN, value):
        raise ValueError("not an extension parameter of RFC 6455 9.1")
    return value
