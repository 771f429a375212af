"""Texts of a certain shape: read once, in their final form from then on."""

from __future__ import annotations

import re


def route_prefix(text: str) -> str:
    """`ws/`, `/ws` and `/ws/` are `/ws`; `/` is the empty text. ValueError if it cannot be part of a URL."""
    path = text.strip().strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path:
        raise ValueError(text)
    return f"/{path}" if path else ""


def object_path(text: str) -> str:
    """`package.module:Name`, stripped. ValueError for anything of another shape."""
    path = text.strip()
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*", path):
        raise ValueError(text)
    return path
