"""One option: its declaration, and how a raw value becomes a checked one.

Plan: `Option` is written next to a field, inside `Annotated`. `settings_of` reads the fields of a declaration
and makes a `Setting` of each: key, kind, default, Option. Loading, checking, `--help`, `config show` and the
reference all walk those Settings; nothing about an option is written a second time.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from revurb.config.error import MASK

Kind = Literal["text", "integer", "number", "switch", "choice", "list"]


class Unset(Enum):
    """`UNSET`: the source names the option and gives it no value, so the next source decides."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a field cannot say by its type and default.

    `minimum` and `maximum` are inclusive. `parse` takes a text and returns it in its final form; its
    ValueError becomes a problem, and `allowed` then says in words what would have been accepted. `words` stand for
    values of another kind: `{"auto": 0}`.
    """

    doc: str
    env: str | None = None
    env_also: tuple[str, ...] = ()  # further names; `env` wins over them within one source
    flag: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False
    octal: bool = False
    may_be_empty: bool = False
    parse: Callable[[str], str] | None = None
    allowed: str | None = None
    words: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The environment names that set the option, the strongest first."""
        return (() if self.env is None else (self.env,)) + self.env_also


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An option in its place: the dotted key, the kind of value, the default."""

    key: str
    kind: Kind
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
            case "switch":
                return "true or false"
            case "choice":
                return " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
            case "list":
                return "a list of texts"
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
            return f" from {low:g} to {high:g}"
        return "" if low is None else f" of {low:g} or more"

    def read_text(self, text: str) -> Any:
        """The value of a text of the environment, `.env` or the command line, as Laravel's `env()` reads it.

        Returns UNSET for an empty text, and for `null` where the option has no null. Raises ValueError.
        """
        word = text.strip().lower()
        if word in ("", "empty", "(empty)"):
            return UNSET
        if word in ("null", "(null)"):
            return None if self.nullable else UNSET
        if word in self.option.words:
            return self.option.words[word]
        # Laravel takes off one pair of quotes that outlived the shell or the .env parser.
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        return self._check(self._from_text(text))

    def _from_text(self, text: str) -> Any:
        match self.kind:
            case "text":
                return text
            case "integer":
                # Permissions are octal whether written 660, 0660 or 0o660, as chmod reads them.
                return int(text, 8 if self.option.octal else 10)
            case "number":
                return float(text)
            case "choice":
                return text.strip().lower()
            case "list":
                return tuple(part.strip() for part in text.split(",") if part.strip())
            case "switch":
                word = text.strip().lower()
                if word in ("true", "(true)", "1", "yes", "on"):
                    return True
                if word in ("false", "(false)", "0", "no", "off"):
                    return False
                raise ValueError(text)

    def read_native(self, value: object) -> Any:
        """The value of something already typed: from TOML, or from a program. Raises ValueError."""
        if value is None and self.nullable:
            return None
        if isinstance(value, str) and value.strip().lower() in self.option.words:
            return self.option.words[value.strip().lower()]
        wanted: tuple[type, ...]
        match self.kind:
            case "text" | "choice":
                wanted = (str,)
            case "integer":
                wanted = (int,)
            case "number":
                wanted = (int, float)
            case "switch":
                wanted = (bool,)
            case "list":
                wanted = (list, tuple)
        # bool is an int to Python, never to a reader of a configuration.
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.kind != "switch"):
            raise ValueError(value)
        if self.kind == "list":
            value = tuple(typing.cast("Sequence[object]", value))
        return self._check(float(value) if self.kind == "number" and isinstance(value, int) else value)

    def _check(self, value: Any) -> Any:
        option = self.option
        if self.kind == "choice" and value not in self.choices:
            raise ValueError(value)
        if self.kind == "list" and not (value and all(isinstance(v, str) and v.strip() for v in value)):
            raise ValueError(value)
        if self.kind in ("integer", "number"):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(value)
            if option.minimum is not None and value < option.minimum:
                raise ValueError(value)
            if option.maximum is not None and value > option.maximum:
                raise ValueError(value)
        if self.kind == "text":
            if not value.strip() and not option.may_be_empty:
                raise ValueError(value)
            if option.parse is not None:
                return option.parse(value)
        return value

    def shown(self, value: object) -> object:
        """`value` as it may be printed or put in JSON: secrets masked, permissions octal, tuples as lists."""
        if value is None:
            return None
        if self.option.secret:
            return MASK
        if self.option.octal and isinstance(value, int):
            return f"{value:04o}"
        for word, meant in self.option.words.items():
            if value == meant:
                return word
        return list(value) if isinstance(value, tuple) else value


def settings_of(declaration: type, prefix: str = "") -> Iterator[Setting]:
    """Every option below a dataclass, in the order of its fields; tables in tables give dotted keys."""
    hints = typing.get_type_hints(declaration, include_extras=True)
    for declared in fields(declaration):
        hint, key = hints[declared.name], f"{prefix}{declared.name}"
        if typing.get_origin(hint) is Annotated:
            base, option = typing.get_args(hint)[:2]
            kind, nullable, choices = _kind(base)
            yield Setting(
                key=key,
                kind=kind,
                option=option,
                nullable=nullable,
                choices=choices,
                default=declared.default,
            )
        elif isinstance(hint, type) and is_dataclass(hint):
            yield from settings_of(hint, f"{key}.")


def _kind(hint: Any) -> tuple[Kind, bool, tuple[str, ...]]:
    nullable = False
    if isinstance(hint, types.UnionType):
        (hint,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        nullable = True
    if typing.get_origin(hint) is Literal:
        return "choice", nullable, typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return "list", nullable, ()
    kinds: dict[Any, Kind] = {str: "text", int: "integer", float: "number", bool: "switch"}
    return kinds[hint], nullable, ()


def build(declaration: type, values: dict[str, Any], prefix: str = "", **others: Any) -> Any:
    """An instance of a declaration from the values of its Settings by dotted key; `others` as they are."""
    hints = typing.get_type_hints(declaration, include_extras=True)
    arguments = dict(others)
    for declared in fields(declaration):
        hint, key = hints[declared.name], f"{prefix}{declared.name}"
        if typing.get_origin(hint) is Annotated:
            arguments[declared.name] = values[key]
        elif isinstance(hint, type) and is_dataclass(hint):
            arguments[declared.name] = build(hint, values, f"{key}.")
    return declaration(**arguments)
