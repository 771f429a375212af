"""Declares an option, and converts a raw value to a checked one.

Plan: an `Option` stands next to a field, inside `Annotated`. `settings_of` reads the fields of a dataclass and makes
a `Setting` of each: its key, its kind, the type that msgspec checks, its default, its `Option`. Loading, checking,
`--help`, `config show` and the reference all walk those Settings; nothing about an option is written a second time.

msgspec checks types and ranges of the values of every source. The conversion of texts is ours: that of msgspec refuses
"0080", "+5", ".5" and "on", which the environment or a `.env` may have, and takes "1e3" for an integer. Python's
`int` and `float` take more than a person means by a number: "80_80", and digits of other scripts.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from revurb.apps.field_checks import is_utf8
from revurb.config.error import MASK

T = TypeVar("T")
ValueKind = Literal["text", "integer", "number", "boolean", "choice", "list", "table"]

NOT_BLANK = r"\S"
FILE_SUFFIX = "_FILE"
_KINDS: Mapping[Any, ValueKind] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    tuple: "list",
    Mapping: "table",  # of texts; in the file alone
    Literal: "choice",
}
_UNIONS = (types.UnionType, typing.Union)  # `Literal[...] | None` is the second
_NUMBERS = {
    "integer": re.compile(r"[+-]?[0-9]+"),
    "permissions": re.compile(
        r"(0[oO])?[0-7]+"
    ),  # octal whether written 660, 0660 or 0o660, as chmod reads them
    "number": re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"),
}
_BOOLEANS = {
    **dict.fromkeys(("true", "(true)", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "(false)", "0", "no", "off"), False),
}


class Unset(Enum):
    """`UNSET`: the source names the option without a value, so the next source decides."""

    UNSET = "unset"


UNSET = Unset.UNSET


class RefusedValue(ValueError):
    """The text says why the value is not allowed; the problem ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What the type and the default of a field do not tell.

    `minimum` and `maximum` are inclusive. A text must contain a match of `pattern`. `parse` takes a text and returns
    it in its final form; its ValueError becomes a problem. `allowed` tells in words what is accepted, where the words
    made from type and range do not suffice. `keywords` stand for numbers: `{"auto": 0}`. Of a list, `parse` takes each
    part; the text of a `RefusedValue` that it raises is added to the problem. `shown` gives a text without the secrets
    that are a part of it.
    """

    doc: str
    env: str | None = None
    env_also: tuple[str, ...] = ()  # further names; `env` wins over them within one source
    flag: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = NOT_BLANK
    secret: bool = False
    octal: bool = False
    is_path: bool = False  # a relative path is below the working directory
    parse: Callable[[str], str] | None = None
    shown: Callable[[str], str] | None = None
    allowed: str | None = None
    keywords: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The environment names that set the option, the strongest first."""
        return (() if self.env is None else (self.env,)) + self.env_also

    @property
    def file_names(self) -> tuple[str, ...]:
        """The environment names of files that hold a secret."""
        return tuple(name + FILE_SUFFIX for name in self.names) if self.secret else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An option of one field: the dotted key in `revurb.toml`, the kind and the type of its values, the default.

    `attribute` is the dotted path of the field below its dataclass: the key, except in apps, where fields have units
    in their names and keys have not.
    """

    key: str
    attribute: str
    kind: ValueKind
    type: Any  # with the constraints, for `msgspec.convert`
    option: Option
    nullable: bool = False
    choices: tuple[str, ...] = ()
    default: Any = MISSING

    @property
    def required(self) -> bool:
        return self.default is MISSING

    def allowed(self) -> str:
        """What is accepted, in words: `an integer from 0 to 65535`."""
        if self.option.allowed is not None:
            return self.option.allowed
        match self.kind:
            case "boolean":
                return "true or false"
            case "choice":
                return " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
            case "list":
                return "a list of texts"
            case "table":
                return "a table of texts"
            case "text":
                return "a text that is not blank"
            case "integer" if self.option.octal:
                return "file permissions in octal, such as 0660"
            case "integer":
                return "an integer" + self._range()
            case "number":
                return "a number" + self._range()

    def _range(self) -> str:
        low, high = self.option.minimum, self.option.maximum
        if low is not None and high is not None:
            return f" from {_in_words(low)} to {_in_words(high)}"
        return "" if low is None else f" of {_in_words(low)} or more"

    def read_text(self, text: str) -> Any:
        """Returns the value of a text of the environment, `.env` or the command line, as Laravel's `env()` reads it.

        Returns UNSET for an empty text, and for "null" if the option cannot be None. Raises ValueError.
        """
        word = text.strip().lower()
        if word in ("", "empty", "(empty)"):
            return UNSET
        if word in ("null", "(null)"):
            return None if self.nullable else UNSET
        if word in self.option.keywords:
            return self.option.keywords[word]
        # Laravel takes off one pair of quotes that outlived the shell or the .env parser.
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        return self._checked(self._converted(text))

    def _converted(self, text: str) -> Any:
        """Returns a value of the option's kind. Raises ValueError, or leaves it to msgspec to refuse the text."""
        match self.kind:
            case "text" | "table":
                return text
            case "integer" if self.option.octal:
                return int(_digits(text, "permissions"), 8)
            case "integer":
                return int(_digits(text, "integer"))
            case "number":
                return float(_digits(text, "number"))
            case "choice":
                return text.strip().lower()
            case "list":
                return tuple(part.strip() for part in text.split(",") if part.strip())
            case "boolean":
                return _BOOLEANS.get(text.strip().lower(), text)

    def read_native(self, value: object) -> Any:
        """Returns the value of an object that has a type already: from TOML, or from a program. Raises ValueError."""
        if isinstance(value, str) and value.strip().lower() in self.option.keywords:
            return self.option.keywords[value.strip().lower()]
        # msgspec would also take a set for a list and a Decimal for a number, but no subclass of float.
        known = (str, int, float, list, tuple, types.NoneType, *((dict,) if self.kind == "table" else ()))
        if not isinstance(value, known):
            raise ValueError(value)
        return self._checked(float(value) if isinstance(value, float) else value)

    def _checked(self, value: object) -> Any:
        try:
            checked = msgspec.convert(value, self.type)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None  # in msgspec 0.19, a ValidationError is no ValueError
        if self.kind in ("text", "list") and not self.option.is_path and not is_utf8(*_texts_in(checked)):
            raise RefusedValue("it is not UTF-8")
        if checked is None or self.option.parse is None:
            return checked
        return tuple(map(self.option.parse, checked)) if self.kind == "list" else self.option.parse(checked)

    def shown(self, raw: object) -> str:
        """How a value that was found is shown in a problem."""
        if self.option.secret:
            return MASK
        shown = self.option.shown
        return repr(shown(raw) if shown is not None and isinstance(raw, str) else raw)

    def printable(self, value: object) -> object:
        """Returns `value` as it may be printed or put in JSON: secrets masked, permissions octal, tuples as lists."""
        if value is None:
            return None
        if self.option.secret:
            return MASK
        if self.option.octal and isinstance(value, int):
            return f"{value:04o}"
        if self.option.shown is not None and isinstance(value, str):
            return self.option.shown(value)
        for word, number in self.option.keywords.items():
            if value == number:
                return word
        return list(value) if isinstance(value, tuple) else value


def _texts_in(value: Any) -> tuple[str, ...]:
    """The texts of a text, of a list of such, or of None."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _digits(text: str, form: str) -> str:
    """`text` without blanks around it. Raises ValueError unless it is a number of that form, in ASCII digits."""
    digits = text.strip()
    if _NUMBERS[form].fullmatch(digits) is None:
        raise ValueError(text)
    return digits


def setting_of(key: str, attribute: str, hint: Any, option: Option, default: Any) -> Setting:
    """Returns the Setting of a field with the type `hint`, which is that of a ValueKind, or such a type or None."""
    (base,) = (
        part
        for part in (typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,))
        if part is not types.NoneType
    )
    kind = _KINDS[typing.get_origin(base) or base]
    nullable = base is not hint
    checked = _constrained(base, kind, option)
    return Setting(
        key=key,
        attribute=attribute,
        kind=kind,
        type=checked | None if nullable else checked,
        option=option,
        nullable=nullable,
        choices=typing.get_args(base) if kind == "choice" else (),
        default=default,
    )


def _constrained(base: Any, kind: ValueKind, option: Option) -> Any:
    match kind:
        case "text":
            return Annotated[base, Meta(pattern=option.pattern)]
        case "integer":
            return Annotated[base, Meta(ge=option.minimum, le=option.maximum)]
        case "number":  # finite: no option may be `inf` or `nan`
            largest = sys.float_info.max if option.maximum is None else option.maximum
            return Annotated[base, Meta(ge=option.minimum, le=largest)]
        case "list":
            return Annotated[tuple[Annotated[str, Meta(pattern=NOT_BLANK)], ...], Meta(min_length=1)]
    return base


def settings_of(declaration: type, prefix: str = "") -> Iterator[Setting]:
    """Yields every option below a dataclass, in the order of its fields; dataclasses in it give dotted keys."""
    hints = typing.get_type_hints(declaration, include_extras=True)
    for declared in fields(declaration):
        hint, key = hints[declared.name], f"{prefix}{declared.name}"
        if typing.get_origin(hint) is Annotated:
            base, option = typing.get_args(hint)[:2]
            yield setting_of(key, key, base, option, declared.default)
        elif isinstance(hint, type) and is_dataclass(hint):
            yield from settings_of(hint, f"{key}.")


def build(declaration: type[T], values: Mapping[str, Any]) -> T:
    """Returns an instance of a dataclass, with dataclasses in it, from values by dotted path of the field."""
    tables: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        table = tables
        for parent in parents:
            table = table.setdefault(parent, {})
        table[name] = value
    return msgspec.convert(tables, declaration)


def _in_words(number: float) -> str:
    """A limit as one writes it: 0.1, 1048576."""
    return str(number) if isinstance(number, int) else f"{number:g}"
