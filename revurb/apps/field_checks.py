"""Checks of the fields of an app and of its rate limit: an error names the field, what was found, and what is allowed.

The configuration checks the same values before, with the names of its own sources; here it is for programs. A wrong
type is a TypeError, a wrong value a ValueError, and a secret is in neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from revurb.apps.origin_pattern import OriginPatternError, check_origin_pattern

T = TypeVar("T")

# An id or key is one segment of a URL path and the left side of "key:signature".
URL_NAME = r"\A[^\s/?#%:]+\Z"
URL_NAME_IN_WORDS = "a text without spaces and / ? # % :"
_URL_NAME = re.compile(URL_NAME)


def is_utf8(*texts: str) -> bool:
    """Whether texts can be sent. Python stands for bytes of the environment that are no UTF-8 with halves of surrogate
    pairs."""
    try:
        for text in texts:
            text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_url_name(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, str):
        hint = f', such as "{value}"' if isinstance(value, int) and not isinstance(value, bool) else ""
        raise TypeError(f"{owner}.{name}: found {value!r}; allowed: {URL_NAME_IN_WORDS}{hint}")
    if _URL_NAME.search(value) is None or not (value.isascii() or is_utf8(value)):
        raise ValueError(f"{owner}.{name}: found {value!r}; allowed: {URL_NAME_IN_WORDS}")


def check_secret(owner: str, name: str, value: Any) -> None:
    """The value is never in the error."""
    if not isinstance(value, str):
        raise TypeError(f"{owner}.{name}: found {type(value).__name__}; allowed: a text")
    if not value.strip():
        raise ValueError(f"{owner}.{name}: found a blank text; allowed: a text that is not blank")
    if not (value.isascii() or is_utf8(value)):
        raise ValueError(
            f"{owner}.{name}: has half of a surrogate pair in it; allowed: a text that UTF-8 has"
        )


def check_positive(owner: str, name: str, value: Any, *, optional: bool = False) -> None:
    """An integer of 1 or more; with `optional`, also None."""
    if value is None and optional:
        return
    allowed = f"an integer of 1 or more{', or None' if optional else ''}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{owner}.{name}: found {value!r}; allowed: {allowed}")
    if value < 1:
        raise ValueError(f"{owner}.{name}: found {value}; allowed: {allowed}")


def check_switch(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{owner}.{name}: found {value!r}; allowed: True or False")


def check_choice(owner: str, name: str, value: Any, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        error = ValueError if isinstance(value, str) else TypeError
        raise error(f"{owner}.{name}: found {value!r}; allowed: {', '.join(map(repr, choices))}")


def checked_items(owner: str, name: str, value: Any, kind: type[T], allowed: str) -> tuple[T, ...]:
    """The values, each of this kind, as a tuple. They are not shown: a secret may be among them."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{owner}.{name}: found {type(value).__name__}; allowed: {allowed}")
    for item in value:
        if not isinstance(item, kind):
            raise TypeError(f"{owner}.{name}: found {type(item).__name__} in it; allowed: {allowed}")
    return tuple(value)


def checked_origins(owner: str, name: str, value: Any) -> tuple[str, ...]:
    """The patterns as a tuple. A text by itself would be taken for its letters."""
    if value == ("*",):
        return value  # type: ignore[no-any-return]
    allowed = 'host names of pages, such as ("example.com", "*.example.org")'
    if not isinstance(value, (tuple, list)) or not all(isinstance(pattern, str) for pattern in value):
        raise TypeError(f"{owner}.{name}: found {value!r}; allowed: {allowed}")
    for pattern in value:
        try:
            check_origin_pattern(pattern)
        except OriginPatternError as error:
            raise ValueError(f"{owner}.{name}: {error}; allowed: {allowed}") from None
    return tuple(value)
