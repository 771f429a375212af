"""How the process logs: one line an entry, plain for people or JSON for collectors.

Messages are constant and in lower case; what varies is in fields with units (`extra={"port": 8080}`), so that
both forms carry the same. No secret, signature, payload or header is ever a field.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from types import TracebackType
from typing import TextIO

import orjson

from revurb.observe.printable import escape_json, escape_lines, escape_unprintable
from revurb.observe.terminal import DIM, RED, RESET, YELLOW, has_colours, is_terminal, wrapped

_log = logging.getLogger(__name__)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What varies in a line, by name."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class PlainFormatter(logging.Formatter):
    """`2026-11-23 12:00:00 INFO    listening host=0.0.0.0 port=8080`. Below it are the lines of the field `stack`, and
    those of an exception. If `stream` is a terminal, lines are as wide as that is, and coloured."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._terminal = stream if is_terminal(stream) else None

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        fields = fields_of(record)
        stack = fields.pop("stack", None)
        shown = "".join(f" {key}={_quoted(key, str(value))}" for key, value in fields.items())
        line = escape_unprintable(f"{stamp} {record.levelname:<7} {record.getMessage()}{shown}")
        lines = [line] if self._terminal is None else wrapped(line, self._terminal)
        if self._terminal is not None and has_colours():
            lines[0] = _coloured(lines[0], len(stamp), record.levelno)
        if stack is not None:
            lines.append(escape_lines(str(stack)))
        if record.exc_info:
            lines.append(escape_lines(self.formatException(record.exc_info)))
        return "\n".join(lines)


def _quoted(key: str, text: str) -> str:
    """`text` in quotes if it could be read as further fields: a client may have sent it. Not the last field, which is
    the server's own."""
    if " " not in text or "=" not in text or key == "advice":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _coloured(line: str, stamp_chars: int, level: int) -> str:
    """The line with its time dim and its level in a colour."""
    stamp, rest = line[:stamp_chars], line[stamp_chars:]
    colour = RED if level >= logging.ERROR else YELLOW if level >= logging.WARNING else ""
    if colour:
        rest = f"{rest[:9].replace(' ', f' {colour}', 1)}{RESET}{rest[9:]}"
    return f"{DIM}{stamp}{RESET}{rest}"


class JsonFormatter(logging.Formatter):
    """`{"time":"2026-11-23T12:00:00.123Z","level":"info","message":"listening","port":8080}`"""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(entry, default=str).decode()
        except TypeError:  # an integer of more than 64 bits, or half of a surrogate pair
            text = json.dumps(entry, default=str)
        return escape_json(text)


def configure_logging(form: str, level: str, stream: TextIO | None = None, **fields: object) -> None:
    """Send the records of the `revurb` loggers to `stream` (stderr), with `fields` on each line. `form` is "plain" or
    "json".

    For processes that are Revurb's own; a program that embeds the server keeps its own logging. With "json", what
    Python itself would print (exceptions that nobody has caught, or that nobody can, warnings) is a line of JSON too.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else PlainFormatter(handler.stream))

    def add_fields(record: logging.LogRecord) -> bool:
        vars(record).update(fields)
        return True

    if fields:
        handler.addFilter(add_fields)
    logger = logging.getLogger("revurb")
    logger.handlers[:] = [handler]
    if logging.getLevelName(logger.level) != level.upper():
        logger.setLevel(level.upper())  # it writes to every logger there is: memory that processes may share
    logger.propagate = False
    # For what other libraries report, asyncio above all, and nobody has a handler for.
    others = logging.StreamHandler(handler.stream)
    others.setLevel(logging.WARNING)
    others.setFormatter(handler.formatter)
    others.filters[:] = handler.filters
    logging.lastResort = others
    if form == "json":
        logging.captureWarnings(True)
        of_python = logging.getLogger("py.warnings")
        of_python.handlers[:], of_python.propagate = [handler], False
        sys.excepthook = _log_uncaught
        sys.unraisablehook = _log_unraisable
        threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None and not isinstance(error, (KeyboardInterrupt, SystemExit)):
        _log.critical("uncaught exception", exc_info=(kind, error, trace))


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """One in a destructor or in a callback of a kernel, say."""
    kind, error = unraisable.exc_type, unraisable.exc_value
    if error is not None:
        fields = {"where": _name(unraisable.object)}
        _log.error("ignored exception", extra=fields, exc_info=(kind, error, unraisable.exc_traceback))


def _name(thing: object) -> str:
    """Not its `repr`, which may have any content."""
    return str(getattr(thing, "__qualname__", type(thing).__qualname__))
