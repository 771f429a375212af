"""The format of PHP's serialize(), as far as Reverb uses it. Only plain values are ever built.

Read: null, booleans, integers, floats, strings, arrays, objects and enum cases of the three classes that Reverb sends,
exactly as PHP writes them: no references, no leading zeros, no other class, nothing after the end. Every length is
compared with the bytes that are there before it is used, every count with how many could fit, so that reading takes
time in proportion to the bytes, whatever they claim.

Written: null, strings, lists, dicts, and the objects that Reverb sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

APPLICATION = "Laravel\\Reverb\\Application"
PENDING_METRIC = "Laravel\\Reverb\\Protocols\\Pusher\\PendingMetric"
METRIC_TYPE = "Laravel\\Reverb\\Protocols\\Pusher\\MetricType"

MAX_BYTES = (
    192 * 1024
)  # read in 20 ms; an application takes 700, the rest is for the channel names of a question
MAX_DEPTH = 8  # a question, its application, the app's options and what those may hold: 5
_SMALLEST_PAIR_BYTES = len("i:0;N;")
_LONGEST_NUMBER_BYTES = 32  # 64-bit integers take 20, floats 24


class InvalidPhpData(ValueError):
    """The data is not what PHP would have written."""


class PhpObject(NamedTuple):
    """An instance of a class: its protected properties by name."""

    class_name: str
    properties: Mapping[str, PhpValue]


class PhpCase(NamedTuple):
    """A case of an enum."""

    class_name: str
    name: str


PhpValue: TypeAlias = bool | int | float | str | Mapping[str | int, "PhpValue"] | PhpObject | PhpCase | None

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_FLOAT = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-][0-9]+)?|INF)|NAN")
_COUNT = re.compile(rb"0|[1-9][0-9]{0,8}")
_CASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(data: bytes) -> PhpValue:
    """The value. Raises InvalidPhpData."""
    return PhpReader(data).read()


class PhpReader:
    """Reads one value. `values` is how many values have been begun so far, `offset` how many bytes have been used."""

    __slots__ = ("_data", "offset", "values")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0
        self.values = 0

    def read(self) -> PhpValue:
        """The value. Raises InvalidPhpData."""
        if len(self._data) > MAX_BYTES:
            raise InvalidPhpData("too long")
        value = self._value(0)
        if self.offset != len(self._data):
            raise InvalidPhpData("something behind the end")
        return value

    def _value(self, depth: int) -> PhpValue:
        self.values += 1
        kind = self._data[self.offset : self.offset + 2]
        self.offset += 2
        match kind:
            case b"s:":
                text = self._quoted()
                self._expect(b";")
                return text
            case b"i:":
                return int(self._number(_INTEGER, b";"))
            case b"b:":
                return self._boolean()
            case b"N;":
                return None
            case b"d:":
                return float(self._number(_FLOAT, b";"))
            case b"a:":
                return self._array(depth + 1)
            case b"O:":
                return self._object(depth + 1)
            case b"E:":
                return self._case()
        raise InvalidPhpData("no such type")

    def _boolean(self) -> bool:
        digit = self._data[self.offset : self.offset + 1]
        self.offset += 1
        if digit not in (b"0", b"1"):
            raise InvalidPhpData("a boolean is 0 or 1")
        self._expect(b";")
        return digit == b"1"

    def _array(self, depth: int) -> Mapping[str | int, PhpValue]:
        pairs: dict[str | int, PhpValue] = {}
        for _ in range(self._begin(depth)):
            key = self._value(depth)
            if isinstance(key, bool) or not isinstance(key, str | int) or key in pairs:
                raise InvalidPhpData("not a key, or one that was there already")
            pairs[key] = self._value(depth)
        self._expect(b"}")
        return pairs

    def _object(self, depth: int) -> PhpObject:
        class_name = self._quoted()
        if class_name not in (APPLICATION, PENDING_METRIC):
            raise InvalidPhpData("a class that Reverb does not send")
        self._expect(b":")
        properties: dict[str, PhpValue] = {}
        for _ in range(self._begin(depth)):
            key = self._value(depth)
            if not isinstance(key, str) or not key.startswith("\0*\0") or key[3:] in properties:
                raise InvalidPhpData("not a protected property, or one that was there already")
            properties[key[3:]] = self._value(depth)
        self._expect(b"}")
        return PhpObject(class_name, properties)

    def _case(self) -> PhpCase:
        class_name, _, name = self._quoted().partition(":")
        if class_name != METRIC_TYPE or not _CASE.fullmatch(name):
            raise InvalidPhpData("an enum that Reverb does not send")
        self._expect(b";")
        return PhpCase(class_name, name)

    def _begin(self, depth: int) -> int:
        """Read `3:{`: the number of pairs."""
        count = int(self._number(_COUNT, b":"))
        self._expect(b"{")
        if depth > MAX_DEPTH:
            raise InvalidPhpData("too deep")
        if count > (len(self._data) - self.offset) // _SMALLEST_PAIR_BYTES:
            raise InvalidPhpData("more pairs than there is room for")
        return count

    def _quoted(self) -> str:
        """Read `3:"abc"`; the length is in bytes."""
        length = int(self._number(_COUNT, b":"))
        self._expect(b'"')
        if length > len(self._data) - self.offset:
            raise InvalidPhpData("a string that is longer than all there is")
        text = self._data[self.offset : self.offset + length]
        self.offset += length
        self._expect(b'"')
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise InvalidPhpData("a string that is not UTF-8") from error

    def _number(self, form: re.Pattern[bytes], end: bytes) -> bytes:
        stop = self._data.find(end, self.offset, self.offset + _LONGEST_NUMBER_BYTES)
        number = self._data[self.offset : stop] if stop >= 0 else b""
        if not form.fullmatch(number):
            raise InvalidPhpData("not a number")
        self.offset = stop + 1
        return number

    def _expect(self, byte: bytes) -> None:
        if self._data[self.offset : self.offset + 1] != byte:
            raise InvalidPhpData(f"no {byte.decode()} where it belongs")
        self.offset += 1


PhpWritable: TypeAlias = str | Sequence[str] | Mapping[str, "str | Sequence[str] | None"] | None


def write(value: PhpWritable) -> bytes:
    """A list becomes PHP's array with the keys 0, 1, 2 and so on. Raises UnicodeEncodeError for text that is not
    UTF-8."""
    if value is None:
        return b"N;"
    if isinstance(value, str):
        text = value.encode()
        return b's:%d:"%b";' % (len(text), text)
    if isinstance(value, Mapping):
        return b"a:%d:{%b}" % (len(value), b"".join(write(key) + write(each) for key, each in value.items()))
    return b"a:%d:{%b}" % (
        len(value),
        b"".join(b"i:%d;%b" % (index, write(each)) for index, each in enumerate(value)),
    )


def write_object(class_name: str, properties: Mapping[str, bytes]) -> bytes:
    """An object, from properties that are serialised already."""
    pairs = b"".join(write(f"\0*\0{name}") + value for name, value in properties.items())
    return b'O:%d:"%b":%d:{%b}' % (len(class_name), class_name.encode(), len(properties), pairs)


def write_case(class_name: str, name: str) -> bytes:
    """A case of an enum."""
    case = f"{class_name}:{name}".encode()
    return b'E:%d:"%b";' % (len(case), case)
