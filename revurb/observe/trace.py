"""What `--debug` prints: each message, readable and shortened, as the console of Reverb does."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from typing import TextIO

import orjson

from revurb.observe.printable import escape_unprintable
from revurb.observe.unblocked_output import unblocked

MAX_SHOWN_CHARS = 300
_AUTH = re.compile(r"""(auth[\\"']*\s*:\s*[\\"']*)[^"'\\,}]+""")


def readable(text: bytes) -> str:
    """A message on one line, JSON inside its `data` string opened up, without auth strings, cut to 300 characters."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        shown = repr(text.decode("utf-8", "replace"))
    else:
        if isinstance(message, dict) and isinstance(message.get("data"), str):
            with contextlib.suppress(orjson.JSONDecodeError):
                message["data"] = orjson.loads(message["data"])
        shown = orjson.dumps(message).decode()
    shown = _AUTH.sub(r"\1...", shown)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}... ({len(text)} bytes)"


class MessageTrace:
    """Prints messages to `stream`, one line each; without one to standard output, for which it does not wait. Never
    raises: lines that cannot be printed are counted in `lines_dropped`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        if stream is None and sys.stdout is not None:  # else descriptor 1 may be anything
            stream = unblocked(
                sys.stdout, 1, "stdout"
            )  # as in a process that serves, also where a node is embedded
        self._stream = stream
        self.lines_dropped = 0

    def received(self, socket_id: str, text: bytes) -> None:
        self._print("<--", socket_id, readable(text))

    def sent(self, socket_id: str, text: bytes) -> None:
        self._print("-->", socket_id, readable(text))

    def note(self, socket_id: str, what: str) -> None:
        self._print("---", socket_id, what)

    def _print(self, arrow: str, socket_id: str, what: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {arrow} {socket_id} {escape_unprintable(what)}"
        try:
            print(line, file=self._stream, flush=True)
        except Exception:  # it is closed, its encoding does not have a character, or it is the program's own
            self.lines_dropped += 1
