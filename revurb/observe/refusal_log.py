"""Lines of the log about what was refused to clients, as many as can be read.

Whoever can send requests can make lines, so there are `LINES_EACH` of a kind in `WINDOW_S`; what is beyond is counted,
and the number is logged at the end of the window. With `--debug` there is no such limit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

LINES_EACH = 5
WINDOW_S = 60.0
MAX_FIELD_CHARS = 200


class RefusalLog:
    """Logs refusals. `what` is one of few constant texts, such as "origin refused": each has its own count."""

    def __init__(self, *, unlimited: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._unlimited = unlimited
        self._clock = clock
        self._window_began = clock()
        self._counts: dict[str, int] = {}
        self.totals: dict[str, int] = {}
        """All that were ever counted, by what was refused."""
        self.on_written: Callable[[int, str, Mapping[str, str]], None] | None = None
        """Called with the level, `what` and the fields of each line, also where the log has no lines of that level."""

    def counts(self, what: str) -> bool:
        """Count one refusal. Whether `write` is to be called with it; so what is written is put together only then."""
        count = self._counts.get(what, 0) + 1
        self._counts[what] = count
        self.totals[what] = self.totals.get(what, 0) + 1
        return count <= LINES_EACH or self._unlimited

    def write(
        self, what: str, client: str, advice: str, *, level: int = logging.WARNING, **fields: str
    ) -> None:
        """The line of a refusal to `client`, its address. `advice` is what the operator does about it; it is the last
        field. Long values are cut."""
        shown = {"client": client, **fields, "advice": advice}
        cut = {name: _cut(value) for name, value in shown.items() if value}
        _log.log(level, what, extra=cut)
        if self.on_written is not None:
            self.on_written(level, what, cut)

    def on_tick(self) -> None:
        """To be called now and then: ends the window if it is over."""
        if not self._counts:
            return
        now = self._clock()
        if now - self._window_began < WINDOW_S:
            return
        counts, self._counts, self._window_began = self._counts, {}, now
        if self._unlimited:
            return
        for what, count in counts.items():
            if count > LINES_EACH:
                more, in_s = count - LINES_EACH, round(WINDOW_S)
                _log.warning(
                    "more refusals, without a line for each", extra={"of": what, "count": more, "in_s": in_s}
                )
                if self.on_written is not None:
                    fields = {"of": what, "count": str(more), "in_s": str(in_s)}
                    self.on_written(logging.WARNING, "more refusals, without a line for each", fields)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARS else f"{text[:MAX_FIELD_CHARS]}..."
