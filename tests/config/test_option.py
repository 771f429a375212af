"""How a raw value becomes a checked one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from revurb.config import MASK, SETTINGS, App, Config
from revurb.config.app_options import APP_SETTINGS
from revurb.config.option import UNSET, Option, Setting, build, settings_of


@dataclass(frozen=True, kw_only=True)
class Inner:
    number: Annotated[float, Option(doc="A number.", minimum=0.5)] = 1.5


@dataclass(frozen=True, kw_only=True)
class Declared:
    needed: Annotated[str, Option(doc="A text.")]
    text: Annotated[str, Option(doc="A text.")] = "x"
    maybe: Annotated[str | None, Option(doc="A text or nothing.")] = None
    empty: Annotated[str, Option(doc="A text, also an empty one.", pattern=None)] = ""
    integer: Annotated[int, Option(doc="An integer.", minimum=0, maximum=9)] = 1
    maybe_integer: Annotated[int | None, Option(doc="An integer or nothing.", minimum=1)] = None
    mode: Annotated[int, Option(doc="Permissions.", octal=True, minimum=0, maximum=0o777)] = 0o660
    switch: Annotated[bool, Option(doc="On or off.")] = False
    choice: Annotated[Literal["red", "green"], Option(doc="A colour.")] = "red"
    names: Annotated[tuple[str, ...], Option(doc="Names.")] = ("*",)
    secret: Annotated[str | None, Option(doc="Hidden.", secret=True)] = None
    shouted: Annotated[str, Option(doc="Upper case.", parse=str.upper, allowed="anything")] = "A"
    inner: Inner = Inner()
    unrelated: tuple[str, ...] = ()


REFUSED = ValueError  # of whatever text: what is allowed is said by the setting
SETTINGS_BY_KEY = {setting.key: setting for setting in settings_of(Declared)}


def test_every_annotated_field_is_a_setting_in_order_with_dotted_keys() -> None:
    assert list(SETTINGS_BY_KEY) == [
        "needed",
        "text",
        "maybe",
        "empty",
        "integer",
        "maybe_integer",
        "mode",
        "switch",
        "choice",
        "names",
        "secret",
        "shouted",
        "inner.number",
    ]
    assert [key for key, setting in SETTINGS_BY_KEY.items() if setting.required] == ["needed"]
    assert [key for key, setting in SETTINGS_BY_KEY.items() if setting.nullable] == [
        "maybe",
        "maybe_integer",
        "secret",
    ]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("text", "hello", "hello"),
        ("text", " kept as it is ", " kept as it is "),
        ("text", "'quoted'", "quoted"),
        ("text", '"quoted"', "quoted"),
        ("text", "'half", "'half"),
        ("text", "'", "'"),
        ("text", "", UNSET),
        ("text", "  ", UNSET),
        ("text", "empty", UNSET),
        ("text", "(empty)", UNSET),
        ("text", "null", UNSET),
        ("maybe", "null", None),
        ("maybe", "(null)", None),
        ("maybe", "NULL", None),
        ("maybe", "", UNSET),
        ("empty", "", UNSET),
        ("integer", "7", 7),
        ("integer", " 7 ", 7),
        ("integer", '"7"', 7),
        ("integer", "0", 0),
        ("integer", "007", 7),
        ("integer", "+5", 5),
        ("integer", "9", 9),
        ("integer", "(null)", UNSET),
        ("maybe_integer", "null", None),
        ("maybe_integer", "5", 5),
        ("mode", "660", 0o660),
        ("mode", "0660", 0o660),
        ("mode", "0o600", 0o600),
        ("switch", "true", True),
        ("switch", "(true)", True),
        ("switch", "TRUE", True),
        ("switch", "1", True),
        ("switch", "yes", True),
        ("switch", "on", True),
        ("switch", "false", False),
        ("switch", "(false)", False),
        ("switch", "0", False),
        ("switch", "no", False),
        ("switch", "off", False),
        ("switch", "", UNSET),
        ("choice", "green", "green"),
        ("choice", " GREEN ", "green"),
        ("names", "a", ("a",)),
        ("names", "a, b ,c,", ("a", "b", "c")),
        ("shouted", "abc", "ABC"),
        ("inner.number", "2", 2.0),
        ("inner.number", "0.5", 0.5),
        ("inner.number", ".5", 0.5),
        ("inner.number", " 1e1 ", 10.0),
    ],
)
def test_text_is_read_as_laravel_reads_it(key: str, text: str, value: object) -> None:
    read = SETTINGS_BY_KEY[key].read_text(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("integer", "x"),
        ("integer", "1.5"),
        ("integer", "10"),
        ("integer", "-1"),
        ("integer", "9" * 5000),
        ("integer", "0_7"),
        ("integer", "\u0667"),  # ARABIC-INDIC DIGIT SEVEN
        ("integer", "\uff17"),  # FULLWIDTH DIGIT SEVEN
        ("integer", "+ 7"),
        ("maybe_integer", "0"),
        ("mode", "888"),
        ("mode", "6_60"),
        ("mode", "+660"),
        ("mode", "\u0666\u0666\u0660"),
        ("mode", "1000"),
        ("switch", "maybe"),
        ("switch", "2"),
        ("choice", "blue"),
        ("names", ","),
        ("inner.number", "0.4"),
        ("inner.number", "1_0"),
        ("inner.number", "\u0661.5"),
        ("inner.number", "."),
        ("inner.number", "1e999"),
        ("inner.number", "nan"),
        ("inner.number", "inf"),
        ("text", "' '"),
    ],
)
def test_text_that_cannot_be_is_refused(key: str, text: str) -> None:
    with pytest.raises(REFUSED):
        SETTINGS_BY_KEY[key].read_text(text)


@pytest.mark.parametrize(
    ("key", "native", "value"),
    [
        ("text", "null", "null"),  # TOML has no null: these are the letters
        ("empty", "", ""),
        ("integer", 3, 3),
        ("mode", 0o640, 0o640),
        ("switch", True, True),
        ("choice", "green", "green"),
        ("names", ["a", "b"], ("a", "b")),
        ("names", ("a",), ("a",)),
        ("inner.number", 2, 2.0),
        ("inner.number", 2.5, 2.5),
        ("maybe", None, None),
    ],
)
def test_native_values_are_taken_by_type(key: str, native: object, value: object) -> None:
    read = SETTINGS_BY_KEY[key].read_native(native)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "native"),
    [
        ("text", ""),
        ("text", 5),
        ("text", None),
        ("integer", "3"),
        ("integer", 3.0),
        ("integer", True),
        ("integer", 10),
        ("switch", 1),
        ("switch", "true"),
        ("choice", "GREEN"),
        ("names", "a"),
        ("names", []),
        ("names", ["a", 1]),
        ("names", ["a", " "]),
        ("inner.number", True),
        ("inner.number", "2"),
        ("maybe", ""),
    ],
)
def test_native_values_of_another_type_are_refused(key: str, native: object) -> None:
    with pytest.raises(REFUSED):
        SETTINGS_BY_KEY[key].read_native(native)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("text", "a text that is not blank"),
        ("integer", "an integer from 0 to 9"),
        ("maybe_integer", "an integer of 1 or more"),
        ("mode", "file permissions in octal, such as 0660"),
        ("switch", "true or false"),
        ("choice", "red or green"),
        ("names", "a list of texts"),
        ("inner.number", "a number of 0.5 or more"),
        ("shouted", "anything"),
    ],
)
def test_what_is_allowed_is_said_in_words(key: str, words: str) -> None:
    assert SETTINGS_BY_KEY[key].allowed() == words


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("secret", "hush", MASK),
        ("secret", None, None),
        ("mode", 0o60, "0060"),
        ("names", ("a",), ["a"]),
        ("integer", 3, 3),
    ],
)
def test_what_is_shown_of_a_value(key: str, value: object, shown: object) -> None:
    assert SETTINGS_BY_KEY[key].printable(value) == shown


def test_a_declaration_is_built_from_values_by_dotted_key() -> None:
    values: dict[str, Any] = {key: setting.default for key, setting in SETTINGS_BY_KEY.items()}
    values |= {"needed": "n", "inner.number": 9.0}
    assert build(Declared, values) == Declared(needed="n", inner=Inner(number=9.0))


ALL = [*SETTINGS, *APP_SETTINGS]


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_every_real_option_says_what_it_is_and_has_a_default_that_is_allowed(setting: Setting) -> None:
    assert setting.option.doc.endswith(".")
    assert setting.option.env is not None
    if not setting.required:
        assert setting.read_native(setting.default) == setting.default


def test_no_two_options_share_a_name_or_a_flag() -> None:
    names = [name for setting in ALL for name in setting.option.names]
    flags = [setting.option.flag for setting in ALL if setting.option.flag is not None]
    assert len(set(names)) == len(names)
    assert len(set(flags)) == len(flags)


def test_no_secret_is_in_a_repr() -> None:
    values: dict[str, Any] = {setting.key: setting.default for setting in SETTINGS}
    values |= {setting.key: "hush-hush" for setting in SETTINGS if setting.option.secret}
    assert sorted(key for key, value in values.items() if value == "hush-hush") == [
        "admin.token",
        "app_lookup.database",
        "scaling.redis.password",
        "scaling.redis.sentinel_password",
        "scaling.redis.url",
        "tls.key_password",
    ]
    assert "hush-hush" not in repr(build(Config, values))
    assert "hush-hush" not in repr(App(id="1", key="k", secret="hush-hush"))
