"""The figures of a child process on their way to the supervisor, in lines that the link takes.

A child sends all of them once a second, in parts: one line may have only so many bytes, and the ids of apps may be
long. The supervisor keeps the last that came whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from revurb.observe.figures import Row
from revurb.processes.supervision_link import FiguresPart

PART_BYTES = 8 * 1024  # about; MAX_LINE_BYTES is the limit, and JSON escapes a character with up to six
MAX_LABEL_CHARS = 200  # of an id; one that is longer is cut
NUMBER_BYTES = 24
MAX_ROWS = 100_000  # of a child, which has some twenty for each of its apps; more are dropped


def figure_parts(rows: Iterable[Row]) -> Iterator[FiguresPart]:
    """The messages that carry these rows."""
    part: list[tuple[str, list[str], list[int | float]]] = []
    size = 0
    for name, labels, numbers in rows:
        cut = [label[:MAX_LABEL_CHARS] for label in labels]
        part.append((name, cut, list(numbers)))
        size += len(name) + sum(map(len, cut)) + NUMBER_BYTES * (len(numbers) + 1)
        if size > PART_BYTES:
            yield FiguresPart(part)
            part, size = [], 0
    yield FiguresPart(part, is_last=True)


class ReportedFigures:
    """What one child has told last. `rows` are empty before the first time."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._parts: list[Row] = []
        self._told_at: float | None = None

    def receive(self, part: FiguresPart) -> None:
        self._parts += part.rows[: MAX_ROWS - len(self._parts)]
        if part.is_last:
            self.rows, self._parts = self._parts, []
            self._told_at = time.monotonic()

    @property
    def age_s(self) -> float | None:
        """How long ago that was; None before the first time."""
        return None if self._told_at is None else time.monotonic() - self._told_at
