"""The last troubles of a process: what it refused, and the warnings and errors of its log, with what to do about them.

It has what the log has, whatever the log's level is: refusals come from the RefusalLog of the node, which lets a few of
each kind through, everything else from the loggers of `revurb`. In a program that runs several nodes each has the
warnings of all of them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping

import msgspec

from revurb.observe import refusal_log
from revurb.observe.logs import fields_of
from revurb.observe.refusal_log import MAX_FIELD_CHARS, RefusalLog

KEPT = 200
MAX_FIELDS = 20
_LOGGER = logging.getLogger("revurb")
# What to do about warnings and errors that are none about a refusal, which have it with them.
_ADVICE: Mapping[str, str] = {
    "the bus is gone: %s, until it is back": "revurb doctor, and the log of Redis or of the hub",
    "missed events: too slow, or others died with the hub": "is the process short of CPU time? more workers, or hosts",
    "events that came meanwhile are forgotten": "REVURB_REDIS_LOG says for how long Redis keeps events",
    "message handling failed": "a fault of the server, or of a hook: the log has the traceback",
    "admin request failed": "a fault of the server: the log has the traceback",
    "the app provider has failed": "the log has the reason; clients of unknown apps wait for it",
    "the event loop is blocked": "the log has the stack; code of yours that waits is the most likely",
    "webhooks have failed": "a fault of the server: the log has the traceback",
}


class Trouble(msgspec.Struct):
    """One line. `what` is constant, what varies is in `fields`; `advice` is what to do about it."""

    at_ms: int
    level: str
    what: str
    fields: dict[str, str]
    advice: str | None = None
    process: str = ""


class TroubleBook(logging.Handler):
    """Notes troubles from `begin` to `end`. They have numbers, from 1 on."""

    def __init__(self, refusals: RefusalLog) -> None:
        super().__init__(logging.WARNING)
        self._refusals = refusals
        self._ring: deque[tuple[int, Trouble]] = deque(maxlen=KEPT)
        self._last = 0
        self._one_at_a_time = (
            threading.RLock()
        )  # other threads log too, and signal handlers in the midst of it

    def begin(self) -> None:
        self._refusals.on_written = self.refused
        if self not in _LOGGER.handlers:
            _LOGGER.addHandler(self)

    def end(self) -> None:
        self._refusals.on_written = None
        _LOGGER.removeHandler(self)

    def troubles(self, after: int) -> tuple[list[Trouble], int]:
        """The troubles behind number `after`, and the number of the last one."""
        with self._one_at_a_time:
            if after > self._last:
                after = 0
            return [trouble for number, trouble in self._ring if number > after], self._last

    def refused(self, level: int, what: str, fields: Mapping[str, str]) -> None:
        """A refusal has a line in the log, or would have if that had its level."""
        shown = dict(fields)
        advice = shown.pop("advice", None)
        self._note(time.time(), level, what, shown, advice)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != refusal_log.__name__:
            fields = {name: _cut(str(value)) for name, value in fields_of(record).items() if name != "stack"}
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                fields["exception"] = _cut(f"{type(error).__name__}: {error}")
            advice = _ADVICE.get(str(record.msg))
            self._note(record.created, record.levelno, record.getMessage(), fields, advice)
        last = logging.lastResort
        if last is not None and _LOGGER.handlers[0] is self and not _has_other_handlers():
            # Python prints what no handler takes, which it would not do any more since there is this one.
            last.handle(record)

    def _note(self, at_s: float, level: int, what: str, fields: dict[str, str], advice: str | None) -> None:
        shown = {_encodable(name): _encodable(value) for name, value in list(fields.items())[:MAX_FIELDS]}
        level_name = logging.getLevelName(level).lower()
        trouble = Trouble(int(at_s * 1000), level_name, _encodable(_cut(what)), shown, advice)
        with self._one_at_a_time:
            self._last += 1
            self._ring.append((self._last, trouble))


def _has_other_handlers() -> bool:
    """Whether anybody else is told of what the loggers of `revurb` say."""
    if any(not isinstance(handler, TroubleBook) for handler in _LOGGER.handlers):
        return True
    return _LOGGER.propagate and bool(logging.getLogger().handlers)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARS else f"{text[:MAX_FIELD_CHARS]}..."


def _encodable(text: str) -> str:
    """`text` without halves of surrogate pairs, as names of files may have: JSON has none."""
    return text.encode("utf-8", "backslashreplace").decode()
