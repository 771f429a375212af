"""Makes texts from the network safe to print: no control character reaches a terminal or splits a line of a log.

Beside those of ASCII these are the C1 ones (U+0085 breaks lines, U+009B begins a terminal's commands) and format
characters such as U+202E, behind which a line reads in another order than it has.
"""

from __future__ import annotations

import json


def escape_unprintable(text: str) -> str:
    """`text` on one line, with line breaks, control characters and other unprintable ones as escape sequences."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def escape_lines(text: str) -> str:
    """The same for a text that may have several lines, with tabs."""
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" or char.isprintable() else _escaped(char) for char in text)


def escape_json(text: str) -> str:
    """The same for JSON on one line, which stays JSON with the same meaning."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text).replace(
        "\x7f", "\\u007f"
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
