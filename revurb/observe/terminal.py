"""How lines are shown on a terminal: as wide as that is, and in colours where it has any (not with `NO_COLOR`)."""

from __future__ import annotations

import os
import textwrap
from typing import TextIO

MIN_COLUMNS = 40
CONTINUATION = " " * 13  # what is longer than a line goes on below
DIM, RED, GREEN, YELLOW, CYAN, RESET = "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except Exception:  # the program's own may lack the method, or be closed
        return False


def has_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def wrapped(text: str, stream: TextIO | None, first_indent: str = "") -> list[str]:
    """`text` in lines that fit the terminal of `stream`. The first leaves room for `first_indent`, which is not in it;
    the others have CONTINUATION."""
    lines = textwrap.wrap(
        text,
        max(_columns(stream), MIN_COLUMNS),
        initial_indent=first_indent,
        subsequent_indent=CONTINUATION,
        break_on_hyphens=False,
    ) or [text]
    lines[0] = lines[0].removeprefix(first_indent)
    return lines


def _columns(stream: TextIO | None) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 80
    except (OSError, ValueError, AttributeError):
        return 80
