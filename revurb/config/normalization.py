"""Normalizes texts of options when they are read, so that the rest of the server sees one form only."""

from __future__ import annotations

import re

from revurb.apps.origin_pattern import OriginPatternError, check_origin_pattern
from revurb.config.option import RefusedValue


def route_prefix(text: str) -> str:
    """Returns `/ws` for `ws/`, `/ws` and `/ws/`, and the empty text for `/`. Raises ValueError if it is no URL path."""
    path = text.strip().strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path:
        raise ValueError(text)
    return f"/{path}" if path else ""


def object_path(text: str) -> str:
    """Returns the stripped text. Raises ValueError if it has not the form `package.module:Name`."""
    path = text.strip()
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*", path):
        raise ValueError(text)
    return path


def origin_pattern(text: str) -> str:
    """Returns the text. Raises RefusedValue, which says what may be meant, if it matches the Origin of no page."""
    try:
        return check_origin_pattern(text)
    except OriginPatternError as error:
        raise RefusedValue(str(error)) from None
