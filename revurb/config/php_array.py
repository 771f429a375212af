"""Reads the array that a PHP configuration file returns, without running anything.

The grammar is what such files consist of: literals, arrays in brackets or of "array", calls of "env" and "explode", and
casts. Any other expression is kept as its text (`PhpOther`), so that one of them costs one value and not the file.
Nothing is evaluated: a `PhpEnv` stays a name until `php_value` looks it up.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

MAX_DEPTH = 32
_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|\#(?!\[)[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^'\\]|\\.)*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z))
    |(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?)
    |(?P<name>\\?[A-Za-z_][A-Za-z0-9_]*(?:\\[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<sign>=>|.)""",
    re.VERBOSE | re.DOTALL,
)  # what is not closed goes to the end, or each of its quotes would be tried as a beginning
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "f": "\f",
    "e": "\x1b",
    "\\": "\\",
    "$": "$",
    '"': '"',
}
_NUMERIC_ESCAPES = "xu01234567"
_CONSTANTS = {"true": True, "false": False, "null": None}
_OPEN, _CLOSE = ("[", "(", "{"), ("]", ")", "}")
_CASTS = ("int", "integer", "float", "bool", "boolean", "string", "array")

Scalar: TypeAlias = "str | int | float | bool | None"


class PhpSyntaxError(Exception):
    """The text is no file that returns an array; the message has the line."""


@dataclass(frozen=True, slots=True)
class PhpEnv:
    """`env('NAME', fallback)`."""

    name: str
    fallback: PhpNode


@dataclass(frozen=True, slots=True)
class PhpExplode:
    """`explode(',', text)`."""

    separator: str
    text: PhpNode


@dataclass(frozen=True, slots=True)
class PhpOther:
    """An expression that is not understood, as it is written."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PhpArray:
    """Values by key; those without a key are numbered, as in PHP."""

    items: dict[str, PhpNode]

    def find(self, path: str) -> PhpNode:
        """The value at "scaling.server.url", say; None where an array on the way has no such key."""
        node: PhpNode = self
        for key in path.split("."):
            if not isinstance(node, PhpArray):
                return node if isinstance(node, PhpOther) else None
            node = node.items.get(key)
        return node


PhpNode: TypeAlias = "Scalar | PhpEnv | PhpExplode | PhpOther | PhpArray"


def parse_php_array(text: str) -> PhpArray:
    """The array that the file returns. Raises PhpSyntaxError."""
    parser = _Parser(text)
    parser.skip_to_return()
    node = parser.expression(0)
    if not isinstance(node, PhpArray):
        raise PhpSyntaxError(f"line {parser.line()}: does not return an array")
    return node


def php_value(node: PhpNode, lookup: Callable[[str], str | None]) -> object:
    """The value of a node: a scalar, or a list of such. `lookup` gives the text of an environment name. Raises
    ValueError for what is not understood."""
    match node:
        case PhpEnv(name, fallback):
            text = lookup(name)
            return php_value(fallback, lookup) if text is None else text
        case PhpExplode(separator, inner):
            return [part.strip() for part in str(php_value(inner, lookup) or "").split(separator)]
        case PhpArray(items):
            return [php_value(item, lookup) for item in items.values()]
        case PhpOther(text, line):
            raise ValueError(f"line {line}: {text}")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []  # kind, text, offset
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or "sign"
            if kind != "blank":
                self._tokens.append((kind, match[0], match.start()))
        self._tokens.append(("end", "", len(text)))
        self._at = 0
        self._line_starts = [match.end() for match in re.finditer("\n", text)]

    def line(self) -> int:
        return bisect_right(self._line_starts, self._tokens[self._at][2]) + 1

    def skip_to_return(self) -> None:
        """To behind the first "return" outside of brackets; what is before it is for PHP alone."""
        depth = 0
        while (token := self._next())[0] != "end":
            depth += (token[1] in _OPEN) - (token[1] in _CLOSE)
            if token[0] == "name" and token[1].lower() == "return" and depth == 0:
                return
        raise PhpSyntaxError("returns no array")

    def expression(self, depth: int, *, is_key: bool = False) -> PhpNode:
        """The node up to a comma, a bracket that closes, or a semicolon, which is not taken; with `is_key`, up to an
        arrow as well."""
        start = self._at
        try:
            node = self._primary(depth)
            if self._ends(is_key):
                return node
        except _NotUnderstood:
            pass
        self._at = start
        return self._other(is_key)

    def _primary(self, depth: int) -> PhpNode:
        if depth > MAX_DEPTH:
            raise PhpSyntaxError(f"line {self.line()}: nested more than {MAX_DEPTH} deep")
        kind, text, _ = self._next()
        if kind == "string":
            return _string(text)
        if kind == "number":
            return _number(text)
        if text == "-" and self._tokens[self._at][0] == "number":
            return -_number(self._next()[1])
        if text == "[":
            return self._array("]", depth)
        if text == "(":
            if self._next()[1].lower() in _CASTS and self._next()[1] == ")":
                return self._primary(depth + 1)
            raise _NotUnderstood
        if kind == "name":
            return self._named(text.lower().removeprefix("\\"), depth)
        raise _NotUnderstood

    def _named(self, name: str, depth: int) -> PhpNode:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if self._next()[1] != "(":
            raise _NotUnderstood
        if name == "array":
            return self._array(")", depth)
        arguments = list(self._array(")", depth).items.values())
        match name, arguments:
            case "env", [str(variable)]:
                return PhpEnv(variable, None)
            case "env", [str(variable), fallback]:
                return PhpEnv(variable, fallback)
            case "explode", [str(separator), inner] if separator:
                return PhpExplode(separator, inner)
        raise _NotUnderstood

    def _array(self, end: str, depth: int) -> PhpArray:
        items: dict[str, PhpNode] = {}
        number = 0
        while self._tokens[self._at][1] != end:
            node = self.expression(depth + 1, is_key=True)
            if self._tokens[self._at][1] == "=>":
                self._at += 1
                key, node = node, self.expression(depth + 1)
                if isinstance(key, (str, int)):  # another key cannot be one of ours
                    items[str(key)] = node
            else:
                items[str(number)] = node
                number += 1
            if self._tokens[self._at][1] == ",":
                self._at += 1
            elif self._tokens[self._at][1] != end:
                raise PhpSyntaxError(f"line {self.line()}: a bracket is not closed")
        self._at += 1
        return PhpArray(items)

    def _other(self, is_key: bool) -> PhpOther:
        start, line, depth = self._tokens[self._at][2], self.line(), 0
        while not (depth == 0 and self._ends(is_key)):
            kind, text, _ = self._next()
            if kind == "end":
                raise PhpSyntaxError(f"line {line}: a bracket is not closed")
            depth += (kind == "sign" and text in _OPEN) - (kind == "sign" and text in _CLOSE)
        stop = self._tokens[self._at][2]
        return PhpOther(" ".join(self._text[start:stop].split()), line)

    def _ends(self, is_key: bool) -> bool:
        kind, text, _ = self._tokens[self._at]
        return kind == "end" or text in (",", ";", *_CLOSE) or (is_key and text == "=>")

    def _next(self) -> tuple[str, str, int]:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


class _NotUnderstood(Exception):
    """The expression is something else."""


def _string(text: str) -> str:
    inner = text[1:-1]
    if text[0] != text[-1] or len(text) == 1:
        raise PhpSyntaxError("a quote is not closed")
    if text[0] == "'":
        return re.sub(r"\\([\\'])", r"\1", inner)
    if re.search(r"(?<!\\)(?:\\\\)*\$", inner):  # it has variables in it
        raise _NotUnderstood
    return re.sub(r"\\(.)", _escaped, inner, flags=re.DOTALL)


def _escaped(match: re.Match[str]) -> str:
    """What an escape of a double-quoted string stands for; PHP keeps the backslash of one that it does not know."""
    char = match[1]
    if char in _NUMERIC_ESCAPES:
        raise _NotUnderstood
    return _ESCAPES.get(char, match[0])


def _number(text: str) -> int | float:
    digits = text.replace("_", "")
    if len(digits) > 18 or re.match("0[0-9]", digits):  # no number of PHP, or an octal one
        raise _NotUnderstood
    return float(digits) if "." in digits else int(digits)
