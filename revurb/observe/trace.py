"""What `--debug` prints: each message and each request, readable and shortened.

    12:00:00 --- 493018.71204 connected to app 1 from 127.0.0.1:50123
    12:00:00 <-- 493018.71204 pusher:subscribe {"channel":"orders"}
    12:00:01 <-- http 1 POST /apps/1/events {"name":"created","channels":["orders"],"data":{"id":7}}
    12:00:01 --> 493018.71204 created orders {"id":7}
    12:00:01 --> http 1 200 {}
    12:00:02 --> webhook https://example.com/hook {"time_ms":1,"events":[{"name":"cache_miss","channel":"cache-a"}]}
    12:00:02 <-- webhook https://example.com/hook answered 200

On a terminal it is coloured, socket ids are cut to their ends, and what is longer than a line goes on, indented, on the
next. Elsewhere each message is one line.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from typing import TextIO

import orjson

from revurb.observe.printable import escape_json, escape_unprintable
from revurb.observe.terminal import CONTINUATION, CYAN, DIM, GREEN, RESET, has_colours, is_terminal, wrapped
from revurb.observe.unblocked_output import unblocked

MAX_SHOWN_CHARS = 300
SHORT_ID_CHARS = 6
ARROW_COLOURS = {"<--": CYAN, "-->": GREEN, "---": DIM}
DIRECTIONS = {"<--": "received", "-->": "sent", "---": "connection"}
_AUTH = re.compile(r"""(auth[\\"']*\s*:\s*[\\"']*)[^"'\\,}]+""")


def readable(text: bytes) -> str:
    """A message on one line: event, channel and data of an event, anything else as JSON, with JSON inside its "data"
    opened up. Without auth strings, and cut to 300 characters."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        shown = repr(text.decode("utf-8", "replace"))
    else:
        shown = _summary(message)
    shown = _AUTH.sub(r"\1...", shown)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}... ({len(text)} bytes)"


def _summary(message: object) -> str:
    if not isinstance(message, dict):
        return orjson.dumps(message).decode()
    if isinstance(message.get("data"), str):
        with contextlib.suppress(orjson.JSONDecodeError):
            message["data"] = orjson.loads(message["data"])
    data = message.get("data")
    if isinstance(data, dict) and isinstance(data.get("user_data"), str):  # of a sign-in
        with contextlib.suppress(orjson.JSONDecodeError):
            data["user_data"] = orjson.loads(data["user_data"])
    parts: list[str] = []
    for name in ("event", "channel"):
        if isinstance(message.get(name), str) and (parts or name == "event"):
            parts.append(message.pop(name))
    if not parts:
        return orjson.dumps(message).decode()
    if "data" in message:
        parts.append(orjson.dumps(message.pop("data")).decode())
    if message:  # what else there is
        parts.append(orjson.dumps(message).decode())
    return " ".join(parts)


class MessageTrace:
    """Prints messages and requests to `stream`; without one to standard output, for which it does not wait. With `form`
    "json", each is an object on a line. Never raises: lines that cannot be printed are counted in `lines_dropped`."""

    def __init__(self, stream: TextIO | None = None, form: str = "plain") -> None:
        if stream is None and sys.stdout is not None:  # else descriptor 1 may be anything
            stream = unblocked(
                sys.stdout, 1, "stdout"
            )  # as in a process that serves, also where a node is embedded
        self._stream = stream
        self._is_json = form == "json"
        self._on_terminal = not self._is_json and is_terminal(stream)
        self._coloured = self._on_terminal and has_colours()
        self.lines_dropped = 0

    def received(self, socket_id: str, text: bytes) -> None:
        self._print("<--", self._short(socket_id), readable(text))

    def sent(self, socket_id: str, text: bytes) -> None:
        self._print("-->", self._short(socket_id), readable(text))

    def note(self, socket_id: str, what: str) -> None:
        self._print("---", self._short(socket_id), what)

    def published(self, app_id: str, channels: list[str], event: str, data: str) -> None:
        """An event that the program itself has triggered, not over HTTP."""
        text = json.dumps({"event": event, "channel": ",".join(channels), "data": data}).encode()
        self._print("<--", f"app {app_id}", readable(text))

    def request(self, number: int, method: str, path: str, body: bytes) -> None:
        """A request, without its query, which is signed; `number` is that of its response."""
        self._print("<--", f"http {number}", f"{method} {path} {readable(body) if body else ''}".rstrip())

    def response(self, number: int, status: int, body: bytes) -> None:
        self._print("-->", f"http {number}", f"{status} {readable(body) if body else ''}".rstrip())

    def webhook_sent(self, url: str, body: bytes) -> None:
        """A request to the target of a webhook; `url` is without secrets."""
        self._print("-->", f"webhook {url}", readable(body))

    def webhook_answered(self, url: str, outcome: str) -> None:
        """What came of it, in words."""
        self._print("<--", f"webhook {url}", outcome)

    def _short(self, socket_id: str) -> str:
        """On a terminal the end of the id, which differs between the connections of a process."""
        if not self._on_terminal or len(socket_id) <= SHORT_ID_CHARS:
            return socket_id
        return f"..{socket_id[-SHORT_ID_CHARS:]}"

    def _print(self, arrow: str, who: str, what: str) -> None:
        if self._is_json:
            self._write(escape_json(_json_line(arrow, who, what)))
        else:
            self._write(self._line(arrow, who, what))

    def _write(self, line: str) -> None:
        try:
            print(line, file=self._stream, flush=True)
        except Exception:  # it is closed, its encoding does not have a character, or it is the program's own
            self.lines_dropped += 1

    def _line(self, arrow: str, who: str, what: str) -> str:
        text = f"{escape_unprintable(who)} {escape_unprintable(what)}"
        lines = [text]
        if self._on_terminal:
            lines = wrapped(text, self._stream, CONTINUATION)  # below what stands behind the arrow
        begin = f"{time.strftime('%H:%M:%S')} {arrow} "
        if self._coloured:
            begin = f"{DIM}{begin[:9]}{RESET}{ARROW_COLOURS[arrow]}{arrow} "
            lines[-1] += RESET
        return begin + "\n".join(lines)


def _json_line(arrow: str, who: str, what: str) -> str:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    word, _, number = who.rpartition(" ")
    kind = {"http": "request", "app": "app", "webhook": "webhook"}.get(word, "socket_id")
    return json.dumps(
        {
            "time": f"{stamp}.{int(now % 1 * 1000):03d}Z",
            "level": "debug",
            "message": DIRECTIONS[arrow],
            kind: number,
            "text": what,
        }
    )
