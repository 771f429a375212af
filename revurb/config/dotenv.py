"""Parses the `.env` of a Laravel project as Laravel does.

The grammar is that of vlucas/phpdotenv. It differs from that of shells and of python-dotenv: an unquoted value ends
at `#` with or without a space before it (a secret with `#` in it must be quoted), single quotes keep `${NAME}` as it
is, and a `${NAME}` that is not defined stays as written. With another grammar the secret would not be the
application's, and every signature would be wrong.

Unlike in Laravel, an invalid entry does not invalidate the file: the file is the application's, and most entries do
not concern this server.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass

NAME = re.compile(r"(?:export\s+)?(['\"]?)([A-Za-z0-9_.]+)\1\Z")
UNQUOTED = re.compile(r"[^\s#]*")
SINGLE_QUOTED = re.compile(r"'([^'\n]*)'")
DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
REST = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
# In double quotes, backslashes and `${NAME}` are both special; one pass replaces both.
SPECIAL = re.compile(r"\\(?P<escaped>.)|\$\{(?P<name>[A-Za-z0-9_.]+)\}", re.DOTALL)
REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z0-9_.]+)\}")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", '"': '"', "\\": "\\", "$": "$"}


@dataclass(frozen=True, slots=True)
class Dotenv:
    """`values` by name, and the reason for each name in `broken`: `line 3: a quote is not closed`."""

    values: Mapping[str, str]
    broken: Mapping[str, str]


def parse_dotenv(text: str, environ: Mapping[str, str]) -> Dotenv:
    """Parses the entries of a `.env`. `${NAME}` is looked up in `environ`, then in the entries above it."""
    values: dict[str, str] = {}
    broken: dict[str, str] = {}
    # The environment of the process has precedence, as in Laravel: a .env does not overwrite a variable.
    defined = ChainMap(dict(environ), values)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        name = _name(line)
        if name is None:
            position = end + 1
            continue
        start = position + line.index("=") + 1
        start += len(text[start:end]) - len(text[start:end].lstrip())
        try:
            value, next_line = _value(text, start, defined)
        except ValueError as error:
            broken[name] = f"line {text.count(chr(10), 0, position) + 1}: {error}"
            values.pop(name, None)
            position = end + 1
        else:
            broken.pop(name, None)
            values[name] = value
            position = next_line
    return Dotenv(values, broken)


def _name(line: str) -> str | None:
    before, equals, _ = line.partition("=")
    match = NAME.match(before.strip())
    return match[2] if equals and match else None


def _value(text: str, start: int, defined: Mapping[str, str]) -> tuple[str, int]:
    """Returns the value that begins at `start` and the start of the next line. Raises ValueError with the reason."""

    def resolve(match: re.Match[str]) -> str:
        return defined.get(match["name"], match[0])

    def unescape(match: re.Match[str]) -> str:
        if match["name"]:
            return resolve(match)
        if match["escaped"] not in ESCAPES:
            raise ValueError('a backslash is followed by something other than n r t f v $ " or \\')
        return ESCAPES[match["escaped"]]

    quote = text[start : start + 1]
    if quote == "'":
        found = SINGLE_QUOTED.match(text, start)
        value = found[1] if found else ""
    elif quote == '"':
        found = DOUBLE_QUOTED.match(text, start)
        value = SPECIAL.sub(unescape, found[1]) if found else ""
    else:
        found = UNQUOTED.match(text, start)
        value = REFERENCE.sub(resolve, found[0]) if found else ""
    if found is None:
        raise ValueError("a quote is not closed")
    rest = REST.match(text, found.end())
    if rest is None:
        raise ValueError("a value with a space in it must be quoted")
    return value, rest.end()
